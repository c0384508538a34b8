"""From ranks to numbers: one value per query, and the value that guessing would give.

Where candidates tie with the answer, each value is its exact mean over all their orders, so
constant embeddings score what guessing scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from egoexobench.evaluation import first as law
from egoexobench.evaluation import ranks as ranking

if TYPE_CHECKING:
    from egoexobench.evaluation.ranks import Ranks

Floats: TypeAlias = NDArray[np.float64]


def top(ranks: Ranks, k: int) -> Floats:
    """Return the probability that a right answer is among the first k; 0 or 1 without ties."""
    first, last, _, _, level = _arrays(ranks)
    tied = last - first + 1
    found = np.clip(k - first + 1, 0, tied) / tied
    for at in np.flatnonzero(level > 1):
        total = int(tied[at] + level[at] - 1)
        found[at] = law.within(total, int(level[at]), int(k - first[at] + 1))
    return found


def top_chance(ranks: Ranks, k: int) -> Floats:
    """Return min(k, K) / K of each query; more where several of the K are right."""
    _, _, size, right, _ = _arrays(ranks)
    found = np.minimum(k, size) / size
    for at in np.flatnonzero(right > 1):
        found[at] = law.within(int(size[at]), int(right[at]), k)
    return np.asarray(found)


def positions(ranks: Ranks) -> Floats:
    """Return the expected rank of each best answer; their median is the median rank."""
    return np.asarray(ranking.expected(ranks).cpu().numpy(), np.float64)


def position_chance(ranks: Ranks) -> float:
    """Return the median rank of guessing: (K + 1) / 2 where every query has K candidates.

    With several K, or several right answers, it is the median of the mixture of their laws.
    """
    _, _, size, right, _ = _arrays(ranks)
    kinds, queries = np.unique(np.stack([size, right]), axis=1, return_counts=True)
    chances = np.zeros(int(size.max()))
    for (total, correct), count in zip(kinds.T.astype(int), queries, strict=True):
        found = law.law(int(total), int(correct))
        chances[: len(found)] += found * count / queries.sum()
    reached = chances.cumsum()
    low = int(np.searchsorted(reached, 0.5 - 1e-9)) + 1
    return low + 0.5 if abs(reached[low - 1] - 0.5) < 1e-9 else float(low)


def reciprocal(ranks: Ranks) -> Floats:
    """Return the expected 1 / rank of each best answer."""
    first, last, _, _, level = _arrays(ranks)
    sums = harmonic(int(last.max(initial=0)))
    gained = (sums[last.astype(int)] - sums[first.astype(int) - 1]) / (last - first + 1)
    for at in np.flatnonzero(level > 1):
        total = int(last[at] - first[at] + level[at])
        gained[at] = law.reciprocal(total, int(level[at]), int(first[at] - 1))
    return np.asarray(gained)


def reciprocal_chance(ranks: Ranks) -> Floats:
    """Return the mean of 1 / r over the ranks 1 to K of each query, if one of K is right."""
    _, _, size, right, _ = _arrays(ranks)
    whole = size.astype(int)
    found = harmonic(int(whole.max(initial=0)))[whole] / whole
    for at in np.flatnonzero(right > 1):
        found[at] = law.reciprocal(int(size[at]), int(right[at]))
    return np.asarray(found)


def harmonic(largest: int) -> Floats:
    """Return the sums 1 + 1/2 + ... + 1/n for n = 0 to ``largest``."""
    return np.concatenate(([0.0], np.cumsum(1.0 / np.arange(1, largest + 1))))


def _arrays(ranks: Ranks) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    found = (ranks.optimistic, ranks.pessimistic, ranks.candidates, ranks.right, ranks.level)
    first, last, size, right, level = (np.asarray(one.cpu().numpy(), np.float64) for one in found)
    return first, last, size, right, level
