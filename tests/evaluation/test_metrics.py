from itertools import combinations, permutations
from statistics import mean, median

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.evaluation import metrics
from egoexobench.evaluation.ranks import Ranks, compute_ranks


def make_ranks(*triples):
    """Ranks from (optimistic, pessimistic, candidates) of each query."""
    optimistic, pessimistic, num_candidates = torch.tensor(triples).T
    one = torch.ones_like(optimistic)
    return Ranks(optimistic, pessimistic, num_candidates, one, num_tied_positives=one)


@st.composite
def rank_triples(draw):
    size = draw(st.integers(1, 15))
    best = draw(st.integers(1, size))
    return best, draw(st.integers(best, size)), size


@given(st.lists(rank_triples(), min_size=1, max_size=10), st.integers(1, 12))
def test_each_value_is_its_mean_over_the_positions_that_a_tie_allows(triples, k):
    ranks = make_ranks(*triples)
    positions = [range(best, worst + 1) for best, worst, _ in triples]
    assert metrics.hit_rate_at_k(ranks, k) == pytest.approx(
        [mean(p <= k for p in x) for x in positions]
    )
    assert metrics.expected_rank(ranks) == pytest.approx([mean(x) for x in positions])
    assert metrics.reciprocal_rank(ranks) == pytest.approx(
        [mean(1 / p for p in x) for x in positions]
    )


@given(st.lists(rank_triples(), min_size=1, max_size=10), st.integers(1, 12))
def test_chance_is_the_mean_over_every_position(triples, k):
    ranks = make_ranks(*triples)
    positions = [range(1, size + 1) for _, _, size in triples]
    assert metrics.chance_hit_rate_at_k(ranks, k) == pytest.approx(
        [mean(p <= k for p in x) for x in positions]
    )
    expected = [mean(1 / p for p in x) for x in positions]
    assert metrics.chance_reciprocal_rank(ranks) == pytest.approx(expected)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_the_median_rank_of_guessing_is_the_median_of_all_ranks_of_all_queries(sizes):
    complete = np.lcm.reduce(sizes)
    ranks = [rank for size in sizes for rank in range(1, size + 1) for _ in range(complete // size)]
    result = metrics.chance_median_rank(make_ranks(*[(1, 1, size) for size in sizes]))
    assert result == pytest.approx(median(ranks))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 19, 20, 256, 10_000])
def test_the_median_rank_of_guessing_among_k_is_half_of_k_plus_one(size):
    assert metrics.chance_median_rank(make_ranks(*[(1, 1, size)] * 3)) == (size + 1) / 2


def test_values_worked_by_hand():
    # First of three; second or third of four; last of two; all five tie.
    ranks = make_ranks((1, 1, 3), (2, 3, 4), (2, 2, 2), (1, 5, 5))
    assert metrics.hit_rate_at_k(ranks, 1).tolist() == [1, 0, 0, 0.2]
    assert metrics.hit_rate_at_k(ranks, 2).tolist() == [1, 0.5, 1, 0.4]
    assert metrics.hit_rate_at_k(ranks, 10).tolist() == [1, 1, 1, 1]
    assert metrics.expected_rank(ranks).tolist() == [1, 2.5, 2, 3]
    assert metrics.reciprocal_rank(ranks)[1] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert metrics.chance_hit_rate_at_k(ranks, 2).tolist() == [2 / 3, 0.5, 1, 0.4]


def test_a_k_beyond_the_candidates_is_always_a_hit_by_answer_and_by_chance():
    ranks = make_ranks((3, 3, 3), (2, 2, 3))
    assert metrics.hit_rate_at_k(ranks, 5).tolist() == [1, 1]
    assert metrics.chance_hit_rate_at_k(ranks, 5).tolist() == [1, 1]


def test_ties_score_the_mean_over_all_orders_of_the_candidates():
    scores = [4, 2, 2, 2, 1]
    answer, k = 2, 3
    hits = []
    for order in permutations(range(5)):
        listed = sorted(order, key=lambda position: -scores[position])
        hits.append(listed.index(answer) < k)
    assert metrics.hit_rate_at_k(make_ranks((2, 4, 5)), k)[0] == pytest.approx(mean(hits))


def test_values_are_counted_in_double_precision():
    assert metrics.hit_rate_at_k(make_ranks((1, 3, 3)), 1)[0] == 1 / 3


@st.composite
def tie_cases(draw):
    """Counts: candidates before a tie, wrong and right ones in it, all and right ones after it."""
    before, wrong = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    level, after = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    return before, wrong, level, after, draw(st.integers(0, after))


@given(tie_cases(), st.integers(1, 8))
def test_of_several_right_answers_the_best_counts_in_every_order_of_the_ties(case, k):
    before, wrong, level, after, positives_after = case
    total, right = before + wrong + level + after, level + positives_after
    one = torch.ones(1, dtype=torch.int64)
    result = Ranks(
        optimistic=one * (before + 1),
        pessimistic=one * (before + wrong + 1),
        num_candidates=one * total,
        num_positives=one * right,
        num_tied_positives=one * level,
    )
    orders = list(
        combinations(range(wrong + level), level)
    )  # positions of the right ones in the tie
    best = [before + 1 + min(order) for order in orders]
    assert metrics.hit_rate_at_k(result, k)[0] == pytest.approx(
        mean(position <= k for position in best)
    )
    assert metrics.expected_rank(result)[0] == pytest.approx(mean(best))
    assert metrics.reciprocal_rank(result)[0] == pytest.approx(
        mean(1 / position for position in best)
    )
    blind = [1 + min(order) for order in combinations(range(total), right)]
    assert metrics.chance_hit_rate_at_k(result, k)[0] == pytest.approx(
        mean(position <= k for position in blind)
    )
    assert metrics.chance_reciprocal_rank(result)[0] == pytest.approx(mean(1 / p for p in blind))
    assert metrics.chance_median_rank(result) == pytest.approx(median(blind))


def test_constant_embeddings_score_what_guessing_scores_with_several_right_answers():
    vectors = torch.ones(6, 3)
    result = compute_ranks(vectors[:2], vectors, [(0, 3, 5), (4,)])
    assert result.num_positives.tolist() == [3, 1]
    for k in (1, 2, 5):
        assert metrics.hit_rate_at_k(result, k) == pytest.approx(
            metrics.chance_hit_rate_at_k(result, k)
        )
    assert metrics.reciprocal_rank(result) == pytest.approx(metrics.chance_reciprocal_rank(result))
