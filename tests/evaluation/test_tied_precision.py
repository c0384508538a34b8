"""Average precision under ties is the mean over all their orders, worked out one by one."""

from itertools import permutations

import numpy as np
import pytest

from egoexobench.evaluation.tied_precision import compute_precision_at_k, compute_tied_precision


def list_orders(groups):
    """Every order of the items, as hits, with each group's items in any order."""
    orders = [()]
    for size, relevant in groups:
        own = set(permutations([True] * relevant + [False] * (size - relevant)))
        # each distinct order stands for equally many orders of items
        orders = [(*before, *after) for before in orders for after in own]
    return np.array(orders)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 9])
@pytest.mark.parametrize(
    "groups",
    [
        ((1, 1), (2, 1)),
        ((3, 1), (4, 2), (2, 0)),
        ((2, 0), (5, 3)),
        ((7, 4),),
        ((6, 0),),
        ((1, 0), (1, 1), (3, 3), (3, 1)),
    ],
)
def test_the_mean_over_all_orders(groups, k):
    expected = compute_precision_at_k(list_orders(groups), k).mean()
    assert compute_tied_precision(groups, k) == pytest.approx(expected, abs=1e-12)


def test_precision_is_divided_by_the_relevant_items_among_the_first():
    hits = np.array([[False, True, True, True]])
    assert compute_precision_at_k(hits, 3)[0] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert compute_precision_at_k(hits, 1)[0] == 0


@pytest.mark.parametrize(("share", "chance"), [(2, 0.61), (3, 0.47), (4, 0.40)])
def test_chance_is_that_of_the_simulated_random_rankings(share, chance):
    size = 12_000
    assert compute_tied_precision(((size, size // share),), 10) == pytest.approx(chance, abs=0.006)
    rng = np.random.default_rng(0)
    hits = rng.random((20_000, 10)) < 1 / share
    assert compute_precision_at_k(hits, 10).mean() == pytest.approx(
        compute_tied_precision(((size, size // share),), 10), abs=0.006
    )
