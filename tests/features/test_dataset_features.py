"""Portions of a data set, and stores of portions joined again."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from egoexobench.data.decode import DecodedClip
from egoexobench.errors import DataError, UsageError
from egoexobench.features import encode_clips
from egoexobench.features.dataset_features import (
    SamplingConfig,
    Shard,
    extract_features,
    list_shard_clips,
    list_shard_texts,
    parse_shard,
)
from egoexobench.features.encoder_runner import EncoderRunner, cache_signature
from egoexobench.features.feature_store import FeatureRows, FeatureStore
from egoexobench.features.merge import merge_stores
from egoexobench.hashing import hash_json
from egoexobench.progress import NullProgress
from egoexobench.types import Clip, Frames, Pair, Tokens

HOW = SamplingConfig(num_frames=2, text_template="a video of {}")


@dataclass
class Films:
    """A data set of films with some clips each."""

    root: Path
    lengths: Sequence[int] = (5, 1, 1, 2, 1)

    def clips(self, split: str) -> list[Clip]:
        if split != "train":
            return []
        return [
            Clip(f"f{i}-{j}", "ego", str(self.root / f"f{i}"), j, j + 1, f"f{i} does {j}", "t")
            for i, length in enumerate(self.lengths)
            for j in range(length)
        ]

    def pairs(self, split: str) -> list[Pair]:
        made = self.clips(split)
        return [Pair("p", made[0], made[1], "both")] if made else []


class Mean:
    """A token a frame."""

    frozen = True
    dim = 1

    def __init__(self, modality: str) -> None:
        self.modality = modality

    def prepare(self, source: object) -> np.ndarray:
        if isinstance(source, str):
            return np.full((1, 1), len(source), np.float32)
        return source.pixels.astype(np.float32).mean((1, 2, 3))[:, None]

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        return Tokens(values, mask)


VIDEO = {"pictures": EncoderRunner(Mean("video"), "v")}


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Films:
    made = Films(tmp_path / "films")
    made.root.mkdir()
    for i in range(len(made.lengths)):
        (made.root / f"f{i}").write_text(str(i))

    def decode(clip: Clip, num_frames: int, *, with_audio: bool, sampling: str) -> DecodedClip:
        value = 10 * int(Path(clip.media).read_text()) + int(clip.start)
        pixels = np.full((num_frames, 2, 2, 3), value, np.uint8)
        return DecodedClip(Frames(pixels, np.zeros(num_frames)), None, "not_requested")

    monkeypatch.setattr(encode_clips, "decode_clip", decode)
    return made


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3", ""])
def test_a_shard_that_there_cannot_be_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="is not valid: write i/n"):
        parse_shard(text)
    assert parse_shard("2/4") == Shard(2, 4)


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_portions_divide_the_clips_and_never_a_film(films: Films, of: int) -> None:
    shares = [list_shard_clips(films, Shard(i + 1, of)) for i in range(of)]
    every = [clip.id for share in shares for clip in share]
    assert sorted(every) == sorted(clip.id for clip in films.clips("train"))
    owners = [{clip.media for clip in share} for share in shares]
    assert sum(map(len, owners)) == len(set().union(*owners))
    texts = [list_shard_texts(films, "{}", Shard(i + 1, of)) for i in range(of)]
    assert sum(map(len, texts)) == 11


def test_portions_are_the_same_whatever_the_folder_is_called(films: Films, tmp_path: Path) -> None:
    other = Films(tmp_path / "another" / "place")
    for i in (1, 2, 3):
        one, two = (list_shard_clips(each, Shard(i, 3)) for each in (films, other))
        assert [clip.id for clip in one] == [clip.id for clip in two]


def test_two_machines_that_share_the_work_give_what_one_gives(films: Films, tmp_path: Path) -> None:
    alone, joined = tmp_path / "alone", tmp_path / "joined"
    extract_features(films, VIDEO, HOW, alone, NullProgress())
    machines = [tmp_path / f"m{i}" for i in (1, 2)]
    for i, machine in enumerate(machines, 1):
        extract_features(films, VIDEO, HOW, machine, NullProgress(), Shard(i, 2))
    (one, two) = merge_stores(machines, joined)
    assert (one.num_added + two.num_added, one.num_existing + two.num_existing) == (10, 0)
    told = cache_signature(VIDEO["pictures"], 2)
    expected, found = FeatureStore(alone, told), FeatureStore(joined, told)
    assert set(expected) == set(found)
    assert all(np.array_equal(expected[key].rows, found[key].rows) for key in expected)
    assert (
        sum(one.num_existing for one in merge_stores(machines, joined)) == 10
    )  # again changes nothing


def test_a_shard_that_is_missing_is_named_and_nothing_is_joined(
    films: Films, tmp_path: Path
) -> None:
    machines = [tmp_path / f"m{i}" for i in (1, 3)]
    for i, machine in zip((1, 3), machines, strict=True):
        extract_features(films, VIDEO, HOW, machine, NullProgress(), Shard(i, 3))
    with pytest.raises(DataError, match="shard 2/3 is missing"):
        merge_stores(machines, tmp_path / "joined")
    assert not (tmp_path / "joined").exists()
    assert (
        sum(one.num_added for one in merge_stores(machines, tmp_path / "joined", partial=True)) < 10
    )
    extract_features(films, VIDEO, HOW, tmp_path / "m2", NullProgress(), Shard(2, 3))
    (last,) = merge_stores([tmp_path / "m2"], tmp_path / "joined")  # the others are there already
    assert last.num_added > 0


def test_a_shard_that_was_not_finished_counts_as_missing(films: Films, tmp_path: Path) -> None:
    for i in (1, 2):
        extract_features(films, VIDEO, HOW, tmp_path / f"m{i}", NullProgress(), Shard(i, 2))
    (receipt,) = (tmp_path / "m2").glob("*/shard-*-2-of-2.json")
    assert json.loads(receipt.read_text())["num_requested"] == len(
        list_shard_clips(films, Shard(2, 2))
    )
    receipt.unlink()
    with pytest.raises(DataError, match="shard 2/2 is missing"):
        merge_stores([tmp_path / "m1", tmp_path / "m2"], tmp_path / "joined")
    next((tmp_path / "m1").glob("*/shard-*")).unlink()
    with pytest.raises(DataError, match="has no finished shard"):
        merge_stores([tmp_path / "m1", tmp_path / "m2"], tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_stores_that_differ_are_not_joined_and_the_shard_is_named(tmp_path: Path) -> None:
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    for name, by in (("a", 0.0), ("near", 1e-5), ("far", 1e-2), ("longer", None)):
        made = np.concatenate([rows, rows]) if by is None else rows + np.float32(by)
        FeatureStore(tmp_path / name, {"x": 1}).put(["k"], [FeatureRows(made, "decoded")])
    (found,) = merge_stores([tmp_path / "near"], tmp_path / "a", partial=True)
    assert (found.num_added, found.num_existing) == (0, 1)
    assert np.array_equal(FeatureStore(tmp_path / "a", {"x": 1})["k"].rows, rows)
    for name in ("far", "longer"):
        with pytest.raises(DataError, match="contain different rows for k"):
            merge_stores([tmp_path / name], tmp_path / "a", partial=True)


def test_what_is_no_store_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="contains no store"):
        merge_stores([tmp_path], tmp_path / "joined")
    FeatureStore(tmp_path / "a", {"x": 1})
    shutil.move(tmp_path / "a" / hash_json({"x": 1}), tmp_path / "a" / "renamed")
    with pytest.raises(DataError, match="is not the store"):
        merge_stores([tmp_path / "a"], tmp_path / "joined", partial=True)


def test_a_whole_store_and_a_folder_of_stores_are_both_joined(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "a", {"x": 1})
    store.put(["k"], [FeatureRows(np.ones((1, 1), np.float32), "decoded")])
    (one,) = merge_stores([store.folder], tmp_path / "b", partial=True)
    (two,) = merge_stores([tmp_path / "b"], tmp_path / "c", partial=True)
    assert one.num_added == two.num_added == 1
    assert "k" in FeatureStore(tmp_path / "c", {"x": 1})


def test_clips_that_fail_are_in_the_receipt_and_the_rest_is_stored(
    films: Films, tmp_path: Path
) -> None:
    (films.root / "f1").unlink()
    found = extract_features(films, VIDEO, HOW, tmp_path / "s", NullProgress())["pictures"]
    assert found.state_counts == {"decoded": 9}
    assert list(found.failures) == ["f1-0"]
    (receipt,) = (tmp_path / "s").glob("*/shard-*-1-of-1.json")
    assert list(json.loads(receipt.read_text())["failures"]) == ["f1-0"]


def test_texts_are_put_into_the_template(films: Films, tmp_path: Path) -> None:
    assert list_shard_texts(films, "a video of {}", Shard())["p"] == "a video of both"
    coders = {"words": EncoderRunner(Mean("text"), "t"), **VIDEO}
    found = extract_features(films, coders, HOW, tmp_path / "s", NullProgress())
    assert list(found) == ["words", "pictures"]
    assert found["words"].num_requested == 11
