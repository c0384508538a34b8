"""The interval of a mean over seeds: which queries were sampled, and how the training went.

The first half-width is the interval over queries of each query's mean over seeds, the second
Student's t over the means of the seeds. They are combined as independent errors, by the root of the
sum of their squares. The effect of a seed on single queries is in both, so the interval is a little
wide. With one seed only the first remains: the interval then says nothing about training.
"""

from __future__ import annotations

from functools import lru_cache
from math import hypot
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from egoexobench.evaluation.intervals import ConfidenceInterval

if TYPE_CHECKING:
    from collections.abc import Sequence


def combine_seeds(
    seed_means: Sequence[float],
    over_queries: ConfidenceInterval,
    bounds: tuple[float, float] = (float("-inf"), float("inf")),
) -> ConfidenceInterval:
    """Return the interval over queries and seeds of the mean of ``seed_means``.

    Args:
        seed_means: score of each seed.
        over_queries: interval over queries of their mean.
        bounds: smallest and largest possible score.

    >>> combine_seeds([50.0], ConfidenceInterval(low=40.0, high=60.0))
    ConfidenceInterval(low=40.0, high=60.0)
    """
    mean, over_seeds = fmean(seed_means), 0.0
    if len(seed_means) > 1:
        scale = _compute_t_quantile(len(seed_means) - 1)
        over_seeds = scale * stdev(seed_means) / len(seed_means) ** 0.5
    low = mean - hypot(over_seeds, mean - over_queries.low)
    high = mean + hypot(over_seeds, over_queries.high - mean)
    return ConfidenceInterval(max(low, bounds[0]), min(high, bounds[1]))


@lru_cache
def _compute_t_quantile(degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975))
