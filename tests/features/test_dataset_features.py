"""Shards of a data set, and stores of shards that are merged."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from egoexobench.checksum import read_json
from egoexobench.data.decode import DecodedClip
from egoexobench.errors import DataError, NoticeWarning, UsageError
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

SAMPLING = SamplingConfig(num_frames=2, text_template="a video of {}")


@dataclass
class VideoDataset:
    """A data set of videos with one or more clips each."""

    root: Path
    lengths: Sequence[int] = (5, 1, 1, 2, 1)

    def clips(self, split: str) -> list[Clip]:
        if split != "train":
            return []
        return [
            Clip(
                f"f{i}-{j}",
                "ego",
                str(self.root / f"f{i}"),
                start=j,
                end=j + 1,
                narration=f"f{i} does {j}",
                take="t",
            )
            for i, length in enumerate(self.lengths)
            for j in range(length)
        ]

    def pairs(self, split: str) -> list[Pair]:
        clips = self.clips(split)
        return [Pair("p", clips[0], clips[1], "both")] if clips else []


class MeanEncoder:
    """An encoder with a token for each frame: its mean pixel."""

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


VIDEO_ENCODERS = {"pictures": EncoderRunner(MeanEncoder("video"), "v")}


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VideoDataset:
    video_dataset = VideoDataset(tmp_path / "films")
    video_dataset.root.mkdir()
    for i in range(len(video_dataset.lengths)):
        (video_dataset.root / f"f{i}").write_text(str(i))

    def decode(clip: Clip, num_frames: int, *, with_audio: bool, **_: object) -> DecodedClip:
        value = 10 * int(Path(clip.media).read_text()) + int(clip.start)
        pixels = np.full((num_frames, 2, 2, 3), value, np.uint8)
        return DecodedClip(Frames(pixels, np.zeros(num_frames)), None, "not_requested")

    monkeypatch.setattr(encode_clips, "decode_clip", decode)
    return video_dataset


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3", ""])
def test_a_shard_that_cannot_exist_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match="is not valid: write i/n"):
        parse_shard(text)
    assert parse_shard("2/4") == Shard(2, 4)


@pytest.mark.parametrize("num_shards", [1, 2, 3, 7])
def test_shards_divide_the_clips_but_not_the_clips_of_a_video(
    dataset: VideoDataset, num_shards: int
) -> None:
    shards = [list_shard_clips(dataset, Shard(i + 1, num_shards)) for i in range(num_shards)]
    clip_ids = [clip.id for shard in shards for clip in shard]
    assert sorted(clip_ids) == sorted(clip.id for clip in dataset.clips("train"))
    owners = [{clip.media for clip in shard} for shard in shards]
    assert sum(map(len, owners)) == len(set().union(*owners))
    texts = [list_shard_texts(dataset, "{}", Shard(i + 1, num_shards)) for i in range(num_shards)]
    assert sum(map(len, texts)) == 11


def test_shards_do_not_depend_on_the_name_of_the_folder(
    dataset: VideoDataset, tmp_path: Path
) -> None:
    other = VideoDataset(tmp_path / "another" / "place")
    for i in (1, 2, 3):
        first, second = (list_shard_clips(each, Shard(i, 3)) for each in (dataset, other))
        assert [clip.id for clip in first] == [clip.id for clip in second]


def test_two_machines_give_the_same_features_as_a_single_one(
    dataset: VideoDataset, tmp_path: Path
) -> None:
    alone, joined = tmp_path / "alone", tmp_path / "joined"
    extract_features(dataset, VIDEO_ENCODERS, SAMPLING, root=alone, progress=NullProgress())
    machines = [tmp_path / f"m{i}" for i in (1, 2)]
    for i, machine in enumerate(machines, 1):
        extract_features(
            dataset,
            VIDEO_ENCODERS,
            SAMPLING,
            root=machine,
            progress=NullProgress(),
            shard=Shard(i, 2),
        )
    (first, second) = merge_stores(machines, joined)
    assert (first.num_added + second.num_added, first.num_existing + second.num_existing) == (10, 0)
    signature = cache_signature(VIDEO_ENCODERS["pictures"], 2)
    expected, result = FeatureStore(alone, signature), FeatureStore(joined, signature)
    assert set(expected) == set(result)
    assert all(np.array_equal(expected[key].rows, result[key].rows) for key in expected)
    assert (
        sum(first.num_existing for first in merge_stores(machines, joined)) == 10
    )  # merging again changes nothing


def test_a_shard_that_is_missing_is_named_and_nothing_is_merged(
    dataset: VideoDataset, tmp_path: Path
) -> None:
    machines = [tmp_path / f"m{i}" for i in (1, 3)]
    for i, machine in zip((1, 3), machines, strict=True):
        extract_features(
            dataset,
            VIDEO_ENCODERS,
            SAMPLING,
            root=machine,
            progress=NullProgress(),
            shard=Shard(i, 3),
        )
    with pytest.raises(DataError, match="shard 2/3 is missing"):
        merge_stores(machines, tmp_path / "joined")
    assert not (tmp_path / "joined").exists()
    assert (
        sum(
            merged.num_added for merged in merge_stores(machines, tmp_path / "joined", partial=True)
        )
        < 10
    )
    extract_features(
        dataset,
        VIDEO_ENCODERS,
        SAMPLING,
        root=tmp_path / "m2",
        progress=NullProgress(),
        shard=Shard(2, 3),
    )
    (last,) = merge_stores([tmp_path / "m2"], tmp_path / "joined")  # the other shards exist already
    assert last.num_added > 0


def test_a_shard_that_was_not_finished_counts_as_missing(
    dataset: VideoDataset, tmp_path: Path
) -> None:
    for i in (1, 2):
        extract_features(
            dataset,
            VIDEO_ENCODERS,
            SAMPLING,
            root=tmp_path / f"m{i}",
            progress=NullProgress(),
            shard=Shard(i, 2),
        )
    (receipt,) = (tmp_path / "m2").glob("*/shard-*-2-of-2.json")
    assert json.loads(read_json(receipt))["num_requested"] == len(
        list_shard_clips(dataset, Shard(2, 2))
    )
    receipt.unlink()
    with pytest.raises(DataError, match="shard 2/2 is missing"):
        merge_stores([tmp_path / "m1", tmp_path / "m2"], tmp_path / "joined")
    next((tmp_path / "m1").glob("*/shard-*")).unlink()
    with pytest.raises(DataError, match="has no finished shard"):
        merge_stores([tmp_path / "m1", tmp_path / "m2"], tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_a_file_that_is_lost_after_its_shard_was_finished_is_noticed(
    dataset: VideoDataset, tmp_path: Path
) -> None:
    for i in (1, 2):
        extract_features(
            dataset,
            {"pictures": VIDEO_ENCODERS["pictures"]},
            SAMPLING,
            root=tmp_path / f"m{i}",
            progress=NullProgress(),
            shard=Shard(i, 2),
        )
    for file in (tmp_path / "m2").glob("*/*.safetensors"):
        file.unlink()
    machines = [tmp_path / "m1", tmp_path / "m2"]
    with pytest.raises(DataError, match=r"has 0 items, and had \d+ when .*: a file is lost"):
        merge_stores(machines, tmp_path / "joined")
    assert not (tmp_path / "joined").exists()
    first, second = merge_stores(machines, tmp_path / "joined", partial=True)
    assert (first.num_added > 0, second.num_added) == (True, 0)


def test_stores_that_differ_are_not_merged_and_the_shard_is_named(tmp_path: Path) -> None:
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    for name, difference in (("a", 0.0), ("near", 1e-5), ("far", 1e-2), ("longer", None)):
        values = (
            np.concatenate([rows, rows]) if difference is None else rows + np.float32(difference)
        )
        FeatureStore(tmp_path / name, {"x": 1}).put(["k"], [FeatureRows(values, "decoded")])
    (merged,) = merge_stores([tmp_path / "near"], tmp_path / "a", partial=True)
    assert (merged.num_added, merged.num_existing) == (0, 1)
    assert np.array_equal(FeatureStore(tmp_path / "a", {"x": 1})["k"].rows, rows)
    for name in ("far", "longer"):
        with pytest.raises(DataError, match="contain different rows for k"):
            merge_stores([tmp_path / name], tmp_path / "a", partial=True)


def test_a_folder_that_is_no_store_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="contains no store"):
        merge_stores([tmp_path], tmp_path / "joined")
    FeatureStore(tmp_path / "a", {"x": 1})
    shutil.move(tmp_path / "a" / hash_json({"x": 1}), tmp_path / "a" / "renamed")
    with pytest.raises(
        DataError, match=r"signature\.json is damaged: it is not the store renamed that"
    ):
        merge_stores([tmp_path / "a"], tmp_path / "joined", partial=True)


def test_a_damaged_file_of_a_store_that_is_merged_is_an_error_that_names_it(
    tmp_path: Path,
) -> None:
    store = FeatureStore(tmp_path / "a", {"x": 1})
    store.put(["k"], [FeatureRows(np.ones((1, 2), np.float32), "decoded")])
    (path,) = store.list_files()
    content = path.read_bytes()
    for damaged in (content[:-4] + bytes(4), content[:-4], b""):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=f"{path} is damaged"):
            merge_stores([tmp_path / "a"], tmp_path / "b", partial=True)
    path.write_bytes(content)
    merge_stores([tmp_path / "a"], tmp_path / "b", partial=True)
    merged = FeatureStore(tmp_path / "b", {"x": 1})
    (copy,) = merged.list_files()
    copy.write_bytes(copy.read_bytes()[:-4] + bytes(4))
    with pytest.warns(NoticeWarning, match=f"{copy} is damaged"):  # and replaced by the source
        merge_stores([tmp_path / "a"], tmp_path / "b", partial=True)
    assert FeatureStore(tmp_path / "b", {"x": 1})["k"].rows.tolist() == [[1, 1]]


def test_a_store_and_a_folder_of_stores_are_both_merged(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "a", {"x": 1})
    store.put(["k"], [FeatureRows(np.ones((1, 1), np.float32), "decoded")])
    (first,) = merge_stores([store.folder], tmp_path / "b", partial=True)
    (second,) = merge_stores([tmp_path / "b"], tmp_path / "c", partial=True)
    assert first.num_added == second.num_added == 1
    assert "k" in FeatureStore(tmp_path / "c", {"x": 1})


def test_clips_that_fail_are_in_the_receipt_and_the_others_are_stored(
    dataset: VideoDataset, tmp_path: Path
) -> None:
    (dataset.root / "f1").unlink()
    result = extract_features(
        dataset, VIDEO_ENCODERS, SAMPLING, root=tmp_path / "s", progress=NullProgress()
    )["pictures"]
    assert result.state_counts == {"decoded": 9}
    assert list(result.failures) == ["f1-0"]
    (receipt,) = (tmp_path / "s").glob("*/shard-*-1-of-1.json")
    assert list(json.loads(read_json(receipt))["failures"]) == ["f1-0"]


def test_texts_are_put_into_the_template(dataset: VideoDataset, tmp_path: Path) -> None:
    assert list_shard_texts(dataset, "a video of {}", Shard())["p"] == "a video of both"
    encoders = {"words": EncoderRunner(MeanEncoder("text"), "t"), **VIDEO_ENCODERS}
    result = extract_features(
        dataset, encoders, SAMPLING, root=tmp_path / "s", progress=NullProgress()
    )
    assert list(result) == ["words", "pictures"]
    assert result["words"].num_requested == 11
