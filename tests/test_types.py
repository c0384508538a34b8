import importlib
import pickle

import numpy as np
import pytest
import torch

from egoexobench import interfaces, protocols, types, values
from egoexobench.data import folder_dataset, manifest
from egoexobench.types import Audio, Embeddings, Gallery, Query, TrackKey


class CountingIds(tuple):
    hashed = 0

    def __hash__(self):
        type(self).hashed += 1
        return super().__hash__()


def test_galleries_with_the_same_ids_are_one_gallery():
    first, copy, other = Gallery(("a", "b")), Gallery(tuple("ab")), Gallery(("b", "a"))
    assert len({first, copy}) == 1
    assert len({first, other}) == 2


def test_a_gallery_is_hashed_once_however_many_queries_share_it():
    gallery = Gallery(CountingIds("abc"))
    queries = [Query(str(number), gallery, (0,), "c") for number in range(50)]
    assert len({query.gallery for query in queries}) == 1
    assert CountingIds.hashed == 1


def test_a_pickled_gallery_leaves_its_hash_behind():
    gallery = Gallery(("a", "b"))
    hash(gallery)
    assert vars(pickle.loads(pickle.dumps(gallery))) == {"ids": ("a", "b")}


def test_the_published_positive_is_the_first():
    query = Query("s", Gallery(("a", "b", "c")), (2, 0), "take")
    assert query.positive_ids == ("c", "a")


def test_indices_point_at_the_ids_they_were_made_from():
    assert Gallery(("b", "a")).index == {"b": 0, "a": 1}
    assert Embeddings(("b", "a"), torch.zeros(2, 3)).index == {"b": 0, "a": 1}


def test_a_track_key_reads_as_task_and_policy():
    assert TrackKey("eg2ex", "gallery").label == "eg2ex gallery"
    assert TrackKey("scene", None).label == "scene"
    assert TrackKey("scene", None) == ("scene", None, "test")


@pytest.mark.parametrize(
    ("old", "new"), [(values, types), (interfaces, protocols), (manifest, folder_dataset)]
)
def test_old_names_work_and_warn_with_the_new_one(old, new):
    for name, renamed in old.RENAMED.items():
        with pytest.warns(FutureWarning, match=f"use {new.__name__}.{renamed}"):
            assert getattr(old, name) is getattr(new, renamed)
    with pytest.raises(AttributeError, match="Nonsense"):
        importlib.import_module(old.__name__).Nonsense  # noqa: B018


def test_a_query_from_the_old_module_takes_the_old_fields_and_warns_with_the_new_ones():
    with pytest.warns(FutureWarning, match=r"use egoexobench\.types\.Query\(source, Gallery"):
        old_query = values.Query
    query = old_query(source="s", candidates=["a", "b"], answer=1, cluster="take", also=(0,))
    assert query == Query("s", Gallery(("a", "b")), (1, 0), "take")
    assert old_query("s", ("a", "b"), 1, "take") == Query("s", Gallery(("a", "b")), (1,), "take")


def test_the_old_names_of_an_audio_work_and_warn():
    audio = Audio(np.zeros(3, np.float32), 16_000)
    with pytest.warns(FutureWarning, match="use Audio.waveform"):
        assert audio.samples is audio.waveform
    with pytest.warns(FutureWarning, match="use Audio.sample_rate"):
        assert audio.rate == 16_000
