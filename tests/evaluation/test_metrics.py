from itertools import combinations, permutations
from statistics import mean, median

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.evaluation import metrics
from egoexobench.evaluation.ranks import Ranks, ranks, single


def made(*triples):
    """Ranks from (optimistic, pessimistic, candidates) of each query."""
    return single(*torch.tensor(triples).T)


@st.composite
def rank_triples(draw):
    size = draw(st.integers(1, 15))
    best = draw(st.integers(1, size))
    return best, draw(st.integers(best, size)), size


@given(st.lists(rank_triples(), min_size=1, max_size=10), st.integers(1, 12))
def test_each_value_is_its_mean_over_the_positions_that_a_tie_allows(triples, k):
    ranks = made(*triples)
    places = [range(best, worst + 1) for best, worst, _ in triples]
    assert metrics.top(ranks, k) == pytest.approx([mean(p <= k for p in x) for x in places])
    assert metrics.positions(ranks) == pytest.approx([mean(x) for x in places])
    assert metrics.reciprocal(ranks) == pytest.approx([mean(1 / p for p in x) for x in places])


@given(st.lists(rank_triples(), min_size=1, max_size=10), st.integers(1, 12))
def test_chance_is_the_mean_over_every_position(triples, k):
    ranks = made(*triples)
    places = [range(1, size + 1) for _, _, size in triples]
    assert metrics.top_chance(ranks, k) == pytest.approx([mean(p <= k for p in x) for x in places])
    expected = [mean(1 / p for p in x) for x in places]
    assert metrics.reciprocal_chance(ranks) == pytest.approx(expected)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_the_median_rank_of_guessing_is_the_median_of_all_ranks_of_all_queries(sizes):
    whole = np.lcm.reduce(sizes)
    ranks = [rank for size in sizes for rank in range(1, size + 1) for _ in range(whole // size)]
    found = metrics.position_chance(made(*[(1, 1, size) for size in sizes]))
    assert found == pytest.approx(median(ranks))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 19, 20, 256, 10_000])
def test_the_median_rank_of_guessing_among_k_is_half_of_k_plus_one(size):
    assert metrics.position_chance(made(*[(1, 1, size)] * 3)) == (size + 1) / 2


def test_values_worked_by_hand():
    # First of three; second or third of four; last of two; all five tie.
    ranks = made((1, 1, 3), (2, 3, 4), (2, 2, 2), (1, 5, 5))
    assert metrics.top(ranks, 1).tolist() == [1, 0, 0, 0.2]
    assert metrics.top(ranks, 2).tolist() == [1, 0.5, 1, 0.4]
    assert metrics.top(ranks, 10).tolist() == [1, 1, 1, 1]
    assert metrics.positions(ranks).tolist() == [1, 2.5, 2, 3]
    assert metrics.reciprocal(ranks)[1] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert metrics.top_chance(ranks, 2).tolist() == [2 / 3, 0.5, 1, 0.4]


def test_a_k_beyond_the_candidates_is_always_a_hit_by_answer_and_by_chance():
    ranks = made((3, 3, 3), (2, 2, 3))
    assert metrics.top(ranks, 5).tolist() == [1, 1]
    assert metrics.top_chance(ranks, 5).tolist() == [1, 1]


def test_ties_score_the_mean_over_all_orders_of_the_candidates():
    scores = [4, 2, 2, 2, 1]
    answer, k = 2, 3
    hits = []
    for order in permutations(range(5)):
        listed = sorted(order, key=lambda place: -scores[place])
        hits.append(listed.index(answer) < k)
    assert metrics.top(made((2, 4, 5)), k)[0] == pytest.approx(mean(hits))


def test_values_are_counted_in_double_precision():
    assert metrics.top(made((1, 3, 3)), 1)[0] == 1 / 3


@st.composite
def several(draw):
    """What stands before a tie, wrong and right ones in it, what stands after it, right after."""
    before, wrong = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    level, after = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    return before, wrong, level, after, draw(st.integers(0, after))


@given(several(), st.integers(1, 8))
def test_of_several_right_answers_the_best_counts_in_every_order_of_what_ties(case, k):
    before, wrong, level, after, late = case
    total, right = before + wrong + level + after, level + late
    one = torch.ones(1, dtype=torch.int64)
    found = Ranks(
        one * (before + 1), one * (before + wrong + 1), one * total, one * right, one * level
    )
    orders = list(combinations(range(wrong + level), level))  # where the tied right ones stand
    best = [before + 1 + min(order) for order in orders]
    assert metrics.top(found, k)[0] == pytest.approx(mean(place <= k for place in best))
    assert metrics.positions(found)[0] == pytest.approx(mean(best))
    assert metrics.reciprocal(found)[0] == pytest.approx(mean(1 / place for place in best))
    blind = [1 + min(order) for order in combinations(range(total), right)]
    assert metrics.top_chance(found, k)[0] == pytest.approx(mean(place <= k for place in blind))
    assert metrics.reciprocal_chance(found)[0] == pytest.approx(mean(1 / p for p in blind))
    assert metrics.position_chance(found) == pytest.approx(median(blind))


def test_constant_embeddings_score_what_guessing_scores_with_several_right_answers():
    vectors = torch.ones(6, 3)
    found = ranks(vectors[:2], vectors, [(0, 3, 5), (4,)])
    assert found.right.tolist() == [3, 1]
    for k in (1, 2, 5):
        assert metrics.top(found, k) == pytest.approx(metrics.top_chance(found, k))
    assert metrics.reciprocal(found) == pytest.approx(metrics.reciprocal_chance(found))
