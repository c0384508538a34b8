"""Test clips that also stand in train or val are counted by content, take and narration."""

import pytest
from fake_data import make_clip

from egoexobench.data import split_overlap
from egoexobench.data.split_overlap import (
    SplitClips,
    SplitOverlap,
    format_blocking_overlap,
    measure_overlap,
)
from egoexobench.types import Clip, Pair, Split

HASHES = {"film.mp4": "1", "copy.mp4": "1", "other.mp4": "2"}


def make_split(split: Split, *clips: Clip, pairs: tuple[Pair, ...] = ()) -> SplitClips:
    return SplitClips(split, f"split {split}", clips, pairs)


def compare(test: Clip, other: Clip, split: Split = "train") -> SplitOverlap:
    return measure_overlap(
        make_split("test", test), make_split(split, other), HASHES, has_same_takes=True
    )


def make_span(name: str, media: str, start: float, end: float | None) -> Clip:
    return make_clip(name, media=media, start=start, end=end, take=name, narration=name)


@pytest.mark.parametrize(
    ("test", "train", "is_shared"),
    [
        (("film.mp4", 0, 2), ("film.mp4", 0, 2), True),
        (("film.mp4", 0, 2), ("copy.mp4", 0, 2), True),
        (("film.mp4", 2, 6), ("film.mp4", 0, 4), True),
        (("film.mp4", 2, 6), ("copy.mp4", 3, 3.5), True),
        (("film.mp4", 2, 6), ("film.mp4", 0, None), True),
        (("film.mp4", 0, None), ("copy.mp4", 0, None), True),
        (("film.mp4", 5, None), ("copy.mp4", 0, None), True),
        (("film.mp4", 2, 6), ("film.mp4", 0, 2), False),
        (("film.mp4", 2, 6), ("film.mp4", 6, 8), False),
        (("film.mp4", 2, 6), ("film.mp4", 0, 2.1), False),
        (("film.mp4", 2, 6), ("other.mp4", 2, 6), False),
        (("lost.mp4", 2, 6), ("lost.mp4", 2, 6), False),
    ],
)
def test_content_is_shared_by_spans_of_one_file_under_any_name(
    test: tuple[str, float, float | None],
    train: tuple[str, float, float | None],
    is_shared: bool,
) -> None:
    overlap = compare(make_span("test", *test), make_span("train", *train))
    assert overlap.num_content == is_shared
    assert list(overlap.blocking) == [("test", "train")] * is_shared


@pytest.mark.parametrize(
    ("span", "is_blocking"),
    [
        ((2, 6), True),
        ((2.1, 6.1), True),
        ((0, 4), False),
        ((2, None), True),
        ((0, None), False),
        ((4, 5), False),
    ],
)
def test_a_validation_clip_stops_a_run_only_if_it_is_the_same_clip(
    span: tuple[float, float | None], is_blocking: bool
) -> None:
    overlap = compare(make_span("test", "film.mp4", 2, 6), make_span("v", "copy.mp4", *span), "val")
    assert overlap.num_content == 1
    assert bool(overlap.blocking) == is_blocking


def test_the_same_file_is_the_same_take_and_its_other_parts_are_other_content() -> None:
    overlap = compare(make_span("test", "film.mp4", 0, 2), make_span("t", "copy.mp4", 5, 7))
    assert (overlap.num_content, overlap.num_takes) == (0, 1)


def test_takes_of_two_data_sets_are_not_compared() -> None:
    clip = make_clip("a", media="film.mp4")
    overlap = measure_overlap(
        make_split("test", clip), make_split("train", clip), HASHES, has_same_takes=False
    )
    assert overlap.num_takes is None
    assert overlap.num_content == 1


def test_a_narration_of_a_clip_or_of_its_pair_counts_without_regard_to_case_and_spaces() -> None:
    first = make_clip("a", media="a.mp4", narration="C  cuts GARLIC ", take="a")
    second = make_clip("b", "exo", media="b.mp4", narration="elsewhere", take="b")
    empty = make_clip("c", media="c.mp4", take="c")
    test = make_split("test", first, second, empty, pairs=(Pair("p", first, second, "both"),))
    own = make_split("train", make_clip("t", media="t.mp4", narration="c cuts garlic", take="t"))
    assert measure_overlap(test, own, {}, has_same_takes=True).num_narrations == 1
    train_clip = make_clip("t", media="t.mp4", take="t")
    pairs = make_split("train", train_clip, pairs=(Pair("q", train_clip, train_clip, "Both"),))
    assert measure_overlap(test, pairs, {}, has_same_takes=True).num_narrations == 2


def test_the_message_names_an_example_of_each_split_and_the_count() -> None:
    film = make_span("test", "film.mp4", 0, 2)
    overlaps = [
        compare(film, make_span("train", "copy.mp4", 0, 2)),
        compare(film, make_span("val", "film.mp4", 0, 2), "val"),
    ]
    message = format_blocking_overlap(overlaps)
    assert message is not None
    assert "1 of 1 clips of split test have the content of clips of split train" in message
    assert "test clip 'test' and train clip 'train'" in message
    assert "test clip 'test' and val clip 'val'" in message
    assert "--allow-overlap" in message
    assert "\n" not in message
    assert format_blocking_overlap([compare(film, make_span("t", "other.mp4", 0, 2))]) is None


@pytest.mark.parametrize("other_split", ["train", "val"])
def test_a_clip_is_compared_only_with_clips_that_it_overlaps(
    other_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise 50,000 clips of one film take an hour."""
    measure_share, sizes = split_overlap._measure_share_of_shorter, []

    def record_size(*arguments):
        sizes.append(len(arguments[1]))
        return measure_share(*arguments)

    monkeypatch.setattr(split_overlap, "_measure_share_of_shorter", record_size)
    splits = [
        make_split(split, *(make_span(f"{split}{n}", "film.mp4", n, n + 0.98) for n in times))
        for split, times in (("test", range(3, 900)), (other_split, range(903)))
    ]
    overlap = measure_overlap(*splits, HASHES, has_same_takes=True)
    assert overlap.num_content == len(overlap.blocking) == 897
    assert set(sizes) == {1}
