from dataclasses import replace

import pytest
from fake_data import make_cameras, make_clip, make_pair

from egoexobench.training.moments import find_moments
from egoexobench.types import Clip, Pair


def is_one_moment(left: Clip, right: Clip) -> bool:
    """Whether two pairs with these ego clips, and unlike exo clips, are of one moment."""
    pairs = [replace(make_pair(name), ego=ego) for name, ego in (("a", left), ("b", right))]
    moments = find_moments(pairs)
    assert moments.is_free(1, moments.list_blocked([0])) != moments.has_conflicts
    return moments.has_conflicts


def make_span(media: str, start: float, end: float | None, take: str = "take") -> Clip:
    return make_clip(f"{media}@{start}-{end}", media=media, start=start, end=end, take=take)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([("m", 0, 4), ("m", 3, 6)], True),
        ([("m", 0, 10), ("m", 3, 6)], True),
        ([("m", 0, 4), ("m", 4, 6)], False),
        ([("m", 5, None), ("m", 8, 9)], True),
        ([("m", 0, 4), ("m", 0, 4)], True),
        ([("m", 2, 6), ("n", 4, 8)], True),
        ([("m", 0, 6), ("n", 4, 8)], True),
        ([("m", 2, 4), ("n", 4, 8)], False),
        ([("m", 0, 6), ("n", 0, 8)], False),
        ([("m", 2, None), ("n", 4, 8)], False),
    ],
)
def test_clips_of_one_take_are_one_moment_where_their_spans_overlap(spans, expected):
    left, right = (make_span(*span) for span in spans)
    assert is_one_moment(left, right) == is_one_moment(right, left) == expected


def test_spans_of_two_takes_are_two_moments_unless_they_are_of_one_file():
    assert not is_one_moment(make_span("m", 2, 6, "x"), make_span("n", 2, 6, "y"))
    assert is_one_moment(make_span("m", 2, 6, "x"), make_span("m", 2, 6, "y"))


def test_the_views_of_a_pair_are_two_moments_of_one_file():
    pair = Pair("p", make_span("m", 0, 4), replace(make_span("m", 0, 4), view="exo"), "")
    assert not find_moments([pair]).has_conflicts


@pytest.mark.parametrize("share_ids", [True, False])
def test_pairs_of_one_ego_clip_never_fit_into_one_batch(share_ids):
    moments = find_moments([*make_cameras("a", 4, share_ids=share_ids), make_pair("b")])
    blocked = moments.list_blocked([2])
    assert [moments.is_free(pair, blocked) for pair in range(5)] == [False] * 4 + [True]


def test_pairs_without_a_common_moment_have_no_conflict():
    assert not find_moments([make_pair(name, take="take") for name in "abcd"]).has_conflicts
