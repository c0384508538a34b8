"""Retrieval metrics from ranks: one value for each query, and the value of random guessing.

If candidates tie with a positive, each value is its exact mean over all orders of the tied
candidates, so constant embeddings score what guessing scores.

Random guessing puts the first positive at a rank of the negative hypergeometric distribution.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import comb
from typing import TYPE_CHECKING, Protocol

import numpy as np

from egoexobench.evaluation.arrays import Floats, Vectors, to_floats

if TYPE_CHECKING:
    from numpy.typing import NDArray


class RankColumns(Protocol):
    """Ranks as tensors or as arrays; see :class:`egoexobench.evaluation.ranks.Ranks`."""

    @property
    def optimistic(self) -> Vectors:
        """Rank before everything that ties, ``(N,)``."""

    @property
    def pessimistic(self) -> Vectors:
        """Rank after everything that ties, ``(N,)``."""

    @property
    def num_candidates(self) -> Vectors:
        """Candidates of each query, ``(N,)``."""

    @property
    def num_positives(self) -> Vectors:
        """Positives of each query, ``(N,)``."""

    @property
    def num_tied_positives(self) -> Vectors:
        """Positives that tie with the best one, ``(N,)``."""


def hit_rate_at_k(ranks: RankColumns, k: int) -> Floats:
    """Return the probability ``(N,)`` that a positive is among the first k; 0 or 1 without ties.

    >>> from egoexobench.evaluation.ranks import compute_ranks
    >>> ranks = compute_ranks(np.eye(3), np.array([[1.0, 0, 0], [1, 2, 0], [0, 3, 2]]), [0, 1, 1])
    >>> hit_rate_at_k(ranks, k=1)
    array([1., 1., 0.])
    """
    first, last = to_floats(ranks.optimistic), to_floats(ranks.pessimistic)
    num_tied = to_floats(ranks.num_tied_positives)
    span = last - first + 1
    values = np.clip(k - first + 1, 0, span) / span
    for i in np.flatnonzero(num_tied > 1):
        total = int(span[i] + num_tied[i] - 1)
        values[i] = hit_probability(total, int(num_tied[i]), int(k - first[i] + 1))
    return values


def chance_hit_rate_at_k(ranks: RankColumns, k: int) -> Floats:
    """Return the hit rate of guessing ``(N,)``: min(k, K) / K with one positive among K.

    >>> from egoexobench.evaluation.ranks import compute_ranks
    >>> ranks = compute_ranks(np.ones((1, 2)), np.ones((20, 2)), [3])
    >>> chance_hit_rate_at_k(ranks, k=5)
    array([0.25])
    """
    sizes, positives = to_floats(ranks.num_candidates), to_floats(ranks.num_positives)
    values = np.minimum(k, sizes) / sizes
    for i in np.flatnonzero(positives > 1):
        values[i] = hit_probability(int(sizes[i]), int(positives[i]), k)
    return np.asarray(values)


def expected_rank(ranks: RankColumns) -> Floats:
    """Return the mean rank of each best positive ``(N,)`` over all orders of tied candidates.

    The median of these values is the median rank.

    >>> from egoexobench.evaluation.ranks import compute_ranks
    >>> expected_rank(compute_ranks(np.ones((1, 2)), np.ones((3, 2)), [0]))
    array([2.])
    """
    first, last = to_floats(ranks.optimistic), to_floats(ranks.pessimistic)
    return np.asarray(first + (last - first) / (to_floats(ranks.num_tied_positives) + 1))


def chance_median_rank(ranks: RankColumns) -> float:
    """Return the median rank of guessing: (K + 1) / 2 if every query has K candidates.

    With several K, or several positives, it is the median of the mixture of the distributions.

    >>> from egoexobench.evaluation.ranks import compute_ranks
    >>> chance_median_rank(compute_ranks(np.ones((1, 2)), np.ones((20, 2)), [0]))
    10.5
    """
    sizes, positives = to_floats(ranks.num_candidates), to_floats(ranks.num_positives)
    if positives.max() == 1 and sizes.min() == sizes.max():
        return (float(sizes[0]) + 1) / 2
    kinds, num_queries = np.unique(np.stack([sizes, positives]), axis=1, return_counts=True)
    mixture = np.zeros(int(sizes.max()))
    for (total, correct), count in zip(kinds.T.astype(int), num_queries, strict=True):
        pmf = first_positive_pmf(int(total), int(correct))
        mixture[: len(pmf)] += pmf * count / num_queries.sum()
    reached = mixture.cumsum()
    low = int(np.searchsorted(reached, 0.5 - 1e-9)) + 1
    if abs(reached[low - 1] - 0.5) > 1e-9:
        return float(low)
    # So close to a half, rounding must not decide: exact numbers do.
    excess = 2 * _sum_reached(kinds.astype(int), num_queries, low) - int(num_queries.sum())
    return low + (0.5 if excess == 0 else float(excess < 0))


def _sum_reached(kinds: NDArray[np.int_], num_queries: NDArray[np.int_], rank: int) -> Fraction:
    """How many queries guessing answers within a rank, exactly."""
    return sum(
        (
            int(count) * (1 - Fraction(comb(max(total - rank, 0), correct), comb(total, correct)))
            for (total, correct), count in zip(kinds.T.tolist(), num_queries, strict=True)
        ),
        Fraction(0),
    )


def reciprocal_rank(ranks: RankColumns) -> Floats:
    """Return the mean of 1 / rank of each best positive ``(N,)`` over all orders of ties.

    >>> from egoexobench.evaluation.ranks import compute_ranks
    >>> ranks = compute_ranks(np.eye(2), np.array([[1.0, 0], [2, 1], [0, 1]]), [1, 2])
    >>> reciprocal_rank(ranks)
    array([0.5, 1. ])
    """
    first, last = to_floats(ranks.optimistic), to_floats(ranks.pessimistic)
    num_tied = to_floats(ranks.num_tied_positives)
    sums = harmonic_sums(int(last.max(initial=0)))
    values = (sums[last.astype(int)] - sums[first.astype(int) - 1]) / (last - first + 1)
    for i in np.flatnonzero(num_tied > 1):
        total = int(last[i] - first[i] + num_tied[i])
        values[i] = expected_reciprocal_rank(total, int(num_tied[i]), int(first[i] - 1))
    return np.asarray(values)


def chance_reciprocal_rank(ranks: RankColumns) -> Floats:
    """Return the mean of 1 / rank of guessing ``(N,)``.

    >>> from egoexobench.evaluation.ranks import compute_ranks
    >>> chance_reciprocal_rank(compute_ranks(np.ones((1, 2)), np.ones((2, 2)), [0]))
    array([0.75])
    """
    positives = to_floats(ranks.num_positives)
    sizes = to_floats(ranks.num_candidates).astype(int)
    values = harmonic_sums(int(sizes.max(initial=0)))[sizes] / sizes
    for i in np.flatnonzero(positives > 1):
        values[i] = expected_reciprocal_rank(int(sizes[i]), int(positives[i]))
    return np.asarray(values)


def harmonic_sums(largest: int) -> Floats:
    """Return the sums 1 + 1/2 + ... + 1/n for n = 0 to ``largest``, ``(largest + 1,)``.

    >>> harmonic_sums(2)
    array([0. , 1. , 1.5])
    """
    return np.concatenate(([0.0], np.cumsum(1.0 / np.arange(1, largest + 1))))


@lru_cache(maxsize=4096)
def first_positive_pmf(total: int, num_positives: int) -> Floats:
    """Return the probabilities ``(R,)`` that the first positive has rank 1 to R in random order.

    R is ``total - num_positives + 1``, the worst rank that is possible. P(1) is
    num_positives / total, and P(r + 1) / P(r) is (total - r - num_positives + 1) / (total - r):
    each rank with a negative leaves one rank and one negative less.

    >>> first_positive_pmf(3, 1)
    array([0.33333333, 0.33333333, 0.33333333])
    """
    steps = np.arange(1, total - num_positives + 1)
    ratios = (total - steps - num_positives + 1) / (total - steps)
    return np.asarray(num_positives / total * np.cumprod(np.concatenate(([1.0], ratios))))


def hit_probability(total: int, num_positives: int, k: int) -> float:
    """Return the probability that a positive is among the first k of a random order.

    >>> hit_probability(total=4, num_positives=2, k=1)
    0.5
    """
    return float(first_positive_pmf(total, num_positives)[: max(k, 0)].sum())


def expected_reciprocal_rank(total: int, num_positives: int, num_before: int = 0) -> float:
    """Return the mean of 1 / rank of the first positive, behind ``num_before`` other candidates.

    >>> expected_reciprocal_rank(total=2, num_positives=1)
    0.75
    """
    pmf = first_positive_pmf(total, num_positives)
    return float((pmf / (num_before + np.arange(1, len(pmf) + 1))).sum())
