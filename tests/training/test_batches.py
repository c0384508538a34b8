from itertools import combinations

import pytest
import torch
from fake_data import make_cameras, make_pair

from egoexobench.training.batches import count_batches, draw_batches
from egoexobench.training.moments import PairMoments, find_moments
from egoexobench.types import Pair


def make_rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_groups(*num_cameras: int) -> list[Pair]:
    return [
        pair
        for number, count in enumerate(num_cameras)
        for pair in make_cameras(f"activity-{number}-", count)
    ]


def count_conflicts(moments: PairMoments, batches: list[list[int]]) -> int:
    return sum(
        not moments.is_free(right, moments.list_blocked([left]))
        for batch in batches
        for left, right in combinations(batch, 2)
    )


@pytest.mark.parametrize("size", [7, 8, 23, 40])
def test_without_conflicts_the_batches_are_the_random_order_cut_into_pieces(size):
    moments = find_moments([make_pair(str(number)) for number in range(24)])
    order = torch.randperm(24, generator=make_rng(3)).tolist()
    pieces = [order[start : start + size] for start in range(0, 24, size)]
    assert draw_batches(moments, size, make_rng(3)) == [p for p in pieces if len(p) > 1]


@pytest.mark.parametrize(
    "num_cameras", [[4] * 12, [10] + [1] * 12, [4, 3, 2, 1] * 5, [2] * 3, [8, 8, 8]]
)
@pytest.mark.parametrize("size", [2, 5, 16, 256])
@pytest.mark.parametrize("seed", range(3))
def test_every_pair_is_used_once_and_no_batch_has_two_pairs_of_one_clip(num_cameras, size, seed):
    moments = find_moments(make_groups(*num_cameras))
    batches = draw_batches(moments, size, make_rng(seed))
    assert sorted(pair for batch in batches for pair in batch) == list(range(sum(num_cameras)))
    assert max(map(len, batches)) <= size
    assert min(map(len, batches)) >= 2
    assert count_conflicts(moments, batches) == 0


def test_pairs_that_fill_large_batches_are_shared_with_those_that_fit_nowhere_else():
    moments = find_moments(make_groups(9, *[1] * 18))
    for seed in range(5):
        sizes = sorted(map(len, draw_batches(moments, 16, make_rng(seed))))
        assert sizes == [3] * 9


def test_a_pair_without_any_negative_is_left_out():
    moments = find_moments(make_groups(3, 1))
    batches = draw_batches(moments, 8, make_rng())
    assert [len(batch) for batch in batches] == [2]
    assert draw_batches(find_moments(make_groups(4)), 8, make_rng()) == []
    odd = draw_batches(find_moments(make_groups(3, 3, 3)), 2, make_rng())
    assert [len(batch) for batch in odd] == [2] * 4


def test_the_number_of_steps_is_that_of_the_batches_that_are_drawn():
    moments, rng = find_moments(make_groups(5, 1, 2, 3)), make_rng(1)
    counts = [len(draw_batches(moments, 4, rng)) for _ in range(6)]
    assert count_batches(moments, 4, make_rng(1), 6) == sum(counts)
    plain = find_moments([make_pair(str(number)) for number in range(9)])
    assert count_batches(plain, 4, make_rng(1), 6) == 18


def test_the_same_seed_draws_the_same_batches():
    moments = find_moments(make_groups(*[4] * 6))
    first, second, third = (draw_batches(moments, 5, make_rng(seed)) for seed in (1, 1, 2))
    assert first == second != third
