"""Every wrong data set is an AssertionError that names its fault, and a right one passes."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from egoexobench.testing import check_dataset
from egoexobench.types import Clip, FrameLabels, Gallery, Pair, Query


def make_clip(pair, view, split="train"):
    return Clip(
        f"{pair}/{view}",
        view,
        f"{pair}-{view}.mp4",
        start=0.0,
        end=1.0,
        narration=f"{view} {pair}",
        take=f"{split} {pair}",
    )


def make_pair(name, split="train"):
    ego, exo = make_clip(name, "ego", split), make_clip(name, "exo", split)
    return Pair(f"{split}-{name}", ego, exo, f"text {name}")


PAIRS = [make_pair("a"), make_pair("b")]
GALLERY = Gallery(("a/exo", "b/exo"))
QUERY = Query("a/ego", GALLERY, (0,), "a")


class GoodDataset:
    """Two pairs to train on, with one query; nothing in the other splits."""

    fingerprint = "1"

    def prepare(self, progress):
        raise AssertionError("media files are not read")

    def pairs(self, split):
        return PAIRS if split == "train" else []

    def clips(self, split):
        return [clip for pair in self.pairs(split) for clip in (pair.ego, pair.exo)]

    def queries(self, split, task):
        return [QUERY] if (split, task) == ("train", "eg2ex") else []


def test_a_right_data_set_passes() -> None:
    check_dataset(GoodDataset())


def change_dataset(**members):
    return type("Changed", (GoodDataset,), members)()


def with_clip(**fields):
    """Return a data set whose first pair has another ego clip."""
    pair = replace(PAIRS[0], ego=replace(PAIRS[0].ego, **fields))
    return change_dataset(pairs=lambda self, split: [pair, PAIRS[1]] if split == "train" else [])


def with_pair(**fields):
    """Return a data set whose first pair is another, while its clips stay the same."""
    pair = replace(PAIRS[0], **fields)
    good_clips = GoodDataset().clips
    return change_dataset(
        clips=lambda self, split: good_clips(split),
        pairs=lambda self, split: [pair, PAIRS[1]] if split == "train" else [],
    )


def with_query(task="eg2ex", **fields):
    query = replace(QUERY, **fields)
    return change_dataset(
        queries=lambda self, split, name: [query] if (split, name) == ("train", task) else []
    )


def remove_attribute(name):
    members = {key: value for key, value in vars(GoodDataset).items() if key != name}
    return type("Lacking", (), members)()


def split_takes(self, split):
    return [replace(pair, ego=replace(pair.ego, take="t")) for pair in PAIRS]


numbers = itertools.count()


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (remove_attribute("fingerprint"), "it has no attribute 'fingerprint'"),
        *(
            (remove_attribute(name), f"it has no method {name!r}")
            for name in ("prepare", "clips", "pairs")
        ),
        (remove_attribute("queries"), "it has no method 'queries'"),
        (change_dataset(queries=[]), "queries is [] (list); it must be a method"),
        (change_dataset(fingerprint=1), "fingerprint is 1 (int); it must be str"),
        (change_dataset(fingerprint=""), "fingerprint is empty"),
        (
            change_dataset(clips=lambda self, split: 1 / 0),
            "clips('train') raised ZeroDivisionError",
        ),
        (
            change_dataset(clips=lambda self, split: iter(())),
            "clips('train') is of type tuple_iterator; i",
        ),
        (
            change_dataset(clips=lambda self, split: ["a"]),
            "an item of clips('train') is 'a' (str); it must",
        ),
        (
            change_dataset(clips=lambda self, split: [make_clip(str(next(numbers)), "ego")]),
            "clips('train') returns other clips when it is repeated",
        ),
        (
            change_dataset(clips=lambda self, split: [make_clip("a", "ego")] * 2),
            "clips('train') has an id t",
        ),
        (with_clip(id=1), "id of clip 1 is 1 (int); it must be str"),
        (with_clip(id=""), "a clip has an empty id"),
        (with_clip(media=None), "media of clip 'a/ego' is None (NoneType); it must be str"),
        (with_clip(narration=None), "narration of clip 'a/ego' is None (NoneType)"),
        (with_clip(view="top"), "view of clip 'a/ego' is 'top'; it must be one of ego, exo"),
        (with_clip(start=-1.0), "clip 'a/ego' starts at -1.0 s"),
        (with_clip(start=2.0), "clip 'a/ego' has the empty span 2.0-1.0 s"),
        (change_dataset(pairs=split_takes), "take 't' is in the splits train and val"),
        (
            change_dataset(pairs=lambda self, split: iter(())),
            "pairs('train') is of type tuple_iterator",
        ),
        (with_pair(ego=PAIRS[0].exo), "the ego clip of pair 'train-a' has the view 'exo'"),
        (
            with_pair(ego=make_clip("c", "ego")),
            "clip of pair 'train-a' is not in split train: 'c/eg",
        ),
        (
            with_pair(ego=replace(PAIRS[0].ego, start=0.5)),
            "the ego clip of pair 'train-a' differs from the clip of the same id",
        ),
        (with_pair(id="train-b"), "pairs('train') has an id twice"),
        (
            change_dataset(queries=lambda self, split, task: None),
            "queries('train', 'eg2ex') is None (NoneTy",
        ),
        (
            change_dataset(queries=lambda self, split: []),
            "queries('train', 'eg2ex') raised TypeError",
        ),
        (
            with_query(source="c/ego"),
            "queries('train', 'eg2ex') has an unfair query: query 1 of eg2ex in split train: "
            "unknown id: 'c/ego' is not a pair or clip of split 'train'",
        ),
        (with_query(source="a/exo"), "source of the wrong view: source 'a/exo' is not of view ego"),
        (with_query(task="ex2eg"), "source of the wrong view: source 'a/ego' is not of view exo"),
        (
            with_query(gallery=Gallery(("a/exo", "b/ego"))),
            "candidates of the wrong view: candidate 'b/ego' is not of view exo",
        ),
        (with_query(gallery=Gallery(("a/exo", "a/exo"))), "the answer 'a/exo' is listed twice"),
        (with_query(positives=()), "no answer: no candidate is marked"),
        (with_query(positives=(2,)), "no answer: answer 2 is out of range: 2 candidates, from 0"),
        (with_query(positives=(-1,)), "answer -1 is out of range: 2 candidates, from 0"),
        (with_query(positives=(0, 0)), "the answer 'a/exo' is listed twice"),
        (with_query(cluster=None), "is None (NoneType); it must be str"),
    ],
)
def test_a_wrong_data_set_is_one_line_that_names_its_fault(dataset: object, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_dataset(dataset)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_narration_is_named_by_the_id_of_a_pair_or_of_a_clip() -> None:
    clips = Gallery(("a/ego", "b/ego"))
    check_dataset(with_query(task="t2v", source="train-a", gallery=clips))
    check_dataset(with_query(task="t2v", source="a/ego", gallery=clips))
    texts = Gallery(("train-a", "train-b"))
    check_dataset(with_query(task="v2t", source="a/exo", gallery=texts))
    with pytest.raises(AssertionError, match="candidate 'train-a' is a text"):
        check_dataset(with_query(task="t2v", source="train-a", gallery=texts))


def test_lists_of_an_own_rule_are_checked_and_their_rule_must_exist() -> None:
    unfair = Query("a/ego", GALLERY, (0, 1), "a")

    def change_lists(policy: str, query: Query):
        return change_dataset(
            list_policies=lambda self, task: [policy] if task == "eg2ex" else [],
            list_queries=lambda self, split, task, policy: [query] if split == "train" else [],
        )

    check_dataset(change_lists("async", QUERY))
    with pytest.raises(AssertionError, match="by policy 'gallery'; choose from sync-take"):
        check_dataset(change_lists("gallery", QUERY))
    with pytest.raises(
        AssertionError, match=r"'async'.* has an unfair query: .*no wrong candidate"
    ):
        check_dataset(change_lists("async", unfair))


class LabeledDataset(GoodDataset):
    """The same with two phases in every clip."""

    phase_names = ("reach", "pour")
    has_time_column = False
    alignment_stride = 5

    def list_frame_labels(self, split):
        return [make_labels(clip.id) for clip in self.clips(split)]


def make_labels(clip_id, times=(0.0, 0.5, 0.9), phases=(0, -1, 1)):
    return FrameLabels(clip_id, np.array(times), np.array(phases))


def test_a_data_set_with_right_frame_labels_passes() -> None:
    check_dataset(LabeledDataset())


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        ([make_labels("z")], "clip 'z' .* is not in split train"),
        ([make_labels("a/ego"), make_labels("a/ego")], "stands twice"),
        ([make_labels("a/ego", phases=(0, 1))], "has 2 phases for 3 times"),
        ([make_labels("a/ego", times=(0.0, 0.5, 0.5))], "times that do not rise"),
        ([make_labels("a/ego", times=(0.0, 0.5, np.nan))], "times that do not rise"),
        ([make_labels("a/ego", phases=(0, 1, 2))], r"phase that is not in -1\.\.1"),
        ([make_labels("a/ego", phases=(0.0, 1.0, 1.0))], r"phase that is not in -1\.\.1"),
        ([make_labels("a/ego", times=(), phases=())], "has no label"),
    ],
)
def test_wrong_frame_labels_are_named_by_their_clip(labels, fault) -> None:
    members = {"list_frame_labels": lambda _, split: labels if split == "train" else []}
    dataset = type("Changed", (LabeledDataset,), members)()
    with pytest.raises(AssertionError, match=fault):
        check_dataset(dataset)


def test_a_stride_of_zero_is_a_fault() -> None:
    dataset = type("Changed", (LabeledDataset,), {"alignment_stride": 0})()
    with pytest.raises(AssertionError, match="alignment_stride is 0"):
        check_dataset(dataset)
