"""From ranks to numbers: one value per query, and the value that guessing would give.

Where candidates tie with the answer, each value is its exact mean over all their orders, so
constant embeddings score what guessing scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from egoexobench.evaluate import ranks as ranking

if TYPE_CHECKING:
    from egoexobench.evaluate.ranks import Ranks

Floats: TypeAlias = NDArray[np.float64]


def top(ranks: Ranks, k: int) -> Floats:
    """Return the probability that each answer is among the first k; 0 or 1 without ties."""
    first, last, _ = _arrays(ranks)
    tied = last - first + 1
    return np.clip(k - first + 1, 0, tied) / tied


def top_chance(ranks: Ranks, k: int) -> Floats:
    """Return min(k, K) / K of each query."""
    size = _arrays(ranks)[2]
    return np.minimum(k, size) / size


def positions(ranks: Ranks) -> Floats:
    """Return the expected rank of each answer; their median is the median rank."""
    return np.asarray(ranking.expected(ranks).cpu().numpy(), np.float64)


def position_chance(ranks: Ranks) -> float:
    """Return the median rank of guessing: (K + 1) / 2 where every query has K candidates.

    With several K it is the median of the mixture of the ranks 1 to K of every query.
    """
    size, queries = np.unique(_arrays(ranks)[2].astype(np.int64), return_counts=True)
    ends = np.concatenate(([0], size))
    # From one K to the next, each rank is reached by the queries that have so many candidates.
    slopes = np.cumsum((queries / size)[::-1])[::-1]
    reached = np.concatenate(([0.0], np.cumsum(slopes * np.diff(ends)))) / queries.sum()
    low = int(np.ceil(np.interp(0.5, reached, ends) - 1e-9))
    share = float(np.interp(low, ends, reached))
    return low + 0.5 if abs(share - 0.5) < 1e-12 else float(low)


def reciprocal(ranks: Ranks) -> Floats:
    """Return the expected 1 / rank of each answer."""
    first, last, _ = _arrays(ranks)
    sums = harmonic(int(last.max(initial=0)))
    gained = sums[last.astype(int)] - sums[first.astype(int) - 1]
    return np.asarray(gained / (last - first + 1))


def reciprocal_chance(ranks: Ranks) -> Floats:
    """Return the mean of 1 / r over the ranks 1 to K of each query."""
    size = _arrays(ranks)[2].astype(int)
    return np.asarray(harmonic(int(size.max(initial=0)))[size] / size)


def harmonic(largest: int) -> Floats:
    """Return the sums 1 + 1/2 + ... + 1/n for n = 0 to ``largest``."""
    return np.concatenate(([0.0], np.cumsum(1.0 / np.arange(1, largest + 1))))


def _arrays(ranks: Ranks) -> tuple[Floats, Floats, Floats]:
    found = (ranks.optimistic, ranks.pessimistic, ranks.candidates)
    first, last, size = (np.asarray(part.cpu().numpy(), np.float64) for part in found)
    return first, last, size
