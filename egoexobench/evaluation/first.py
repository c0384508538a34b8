"""Where the first of several right answers stands when the order is left to chance."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=4096)
def law(total: int, right: int) -> NDArray[np.float64]:
    """Return the probabilities (R,) that the first of ``right`` among ``total`` has rank 1 to R.

    R is ``total - right + 1``, the worst there can be. P(1) is right / total, and P(r + 1) / P(r)
    is (total - r - right + 1) / (total - r): each place that held a wrong answer leaves one place
    and one wrong answer less.
    """
    steps = np.arange(1, total - right + 1)
    ratios = (total - steps - right + 1) / (total - steps)
    return np.asarray(right / total * np.cumprod(np.concatenate(([1.0], ratios))))


def within(total: int, right: int, k: int) -> float:
    """Return the probability that one of ``right`` among ``total`` is among the first k."""
    return float(law(total, right)[: max(k, 0)].sum())


def rank(total: int, right: int) -> float:
    """Return the mean rank of the first, (total + 1) / (right + 1)."""
    return (total + 1) / (right + 1)


def reciprocal(total: int, right: int, before: int = 0) -> float:
    """Return the mean of one over the rank of the first, which stands behind ``before`` others."""
    chances = law(total, right)
    return float((chances / (before + np.arange(1, len(chances) + 1))).sum())
