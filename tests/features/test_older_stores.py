"""A run says why clips are encoded again, once for each encoder and only if that is so."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from egoexobench.errors import NoticeWarning
from egoexobench.features.feature_file import FeatureRows
from egoexobench.features.feature_store import FeatureStore
from egoexobench.features.older_stores import explain_new_clips, explain_new_texts

ENCODER = {
    "kind": "encoder",
    "name": "pixel",
    "distribution": "nordlab",
    "options": {"size": 2},
    "files": {},
    "version": "0.1",
    "source": "a",
    "libraries": {"torch": "2.5"},
    "toolkit": "t",
}


def make_signature(frames: int = 8, weights: str = "w", **encoder: object) -> dict:
    fields = {"stage": "tokens", "frames": frames, "weights": weights}
    return {"encoder": ENCODER | encoder, **fields}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one store, which has the clips x and y."""
    rows = [FeatureRows(np.ones((1, 2), np.float32), "decoded")] * 2
    FeatureStore(tmp_path, make_signature()).put(["x", "y"], rows)
    return tmp_path


def list_notes(root: Path, signature: dict, keys: str = "xyz", explain=explain_new_clips) -> list:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        explain(root, signature, set(keys))
    return [str(item.message) for item in caught if item.category is NoticeWarning]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "b"}, "source"),
        ({"libraries": {"torch": "2.6"}}, "torch 2.5 -> 2.6"),
        ({"toolkit": "t2"}, "code of the toolkit"),
        ({"source": "b", "weights": "w2"}, "source"),
    ],
)
def test_a_change_is_named_with_the_number_of_clips(root: Path, change: dict, words: str) -> None:
    (note,) = list_notes(root, make_signature(**change))
    assert note == f"encoder 'pixel' of nordlab changed ({words}): 2 clips are encoded again"


@pytest.mark.parametrize(
    "change",
    [{"frames": 4}, {"options": {"size": 3}}, {"name": "x"}, {"weights": "w2"}],
    ids=str,
)
def test_another_choice_or_seed_is_no_change(root: Path, change: dict) -> None:
    assert list_notes(root, make_signature(**change)) == []


def test_clips_that_no_version_encoded_are_no_reason_for_a_note(root: Path) -> None:
    assert list_notes(root, make_signature(source="b"), keys="z") == []
    assert list_notes(root, make_signature(source="b"), keys="") == []


def test_another_seed_of_the_new_version_is_no_change(root: Path) -> None:
    new = make_signature(source="b", weights="w2")
    FeatureStore(root, new).put(["x"], [FeatureRows(np.ones((1, 2), np.float32), "decoded")])
    assert list_notes(root, make_signature(source="b", weights="w3")) == []
    assert len(list_notes(root, make_signature(source="b"))) == 1


def test_the_nearest_version_is_the_one_that_is_named(root: Path) -> None:
    middle = make_signature(libraries={"torch": "2.6"})
    FeatureStore(root, middle).put(["x"], [FeatureRows(np.ones((1, 2), np.float32), "decoded")])
    (note,) = list_notes(root, make_signature(libraries={"torch": "2.6"}, source="b"))
    assert "(source): 1 clips" in note


def test_texts_get_one_line_although_they_are_encoded_in_steps(root: Path) -> None:
    signature = make_signature(source="b")
    notes = [list_notes(root, signature, key, explain_new_texts) for key in "xy"]
    assert notes == [
        ["encoder 'pixel' of nordlab changed (source): its texts are encoded again"],
        [],
    ]


@pytest.mark.parametrize("text", ["", "[]", json.dumps({"encoder": "abc", "stage": "tokens"})])
def test_a_signature_of_an_older_format_is_no_version(root: Path, text: str) -> None:
    for file in root.glob("*/signature.json"):
        file.write_text(text)
    assert list_notes(root, make_signature(source="b")) == []
