"""95 % intervals of scores from 0 to 1: Wilson's interval with an effective number of queries.

Wilson's interval (Wilson 1927) has a width at 0 % and at 100 % too, and covers for few queries.
It takes n independent values of 0 and 1. Other values are as certain as some other number of
those, the effective number of queries: ``p (1 - p)`` divided by the variance of the mean (Korn and
Graubard 1998). Three things enter it:

- values between 0 and 1 (ties, reciprocal ranks) vary less than 0 and 1 do, so n rises. As a
  sample may lack rare values, 4 values of 0 and 1 are added to the variance.
- queries of one cluster (clips of one take) vary together, so n falls by the design effect: the
  variance over clusters divided by the variance over queries. It lies between 1 and its value for
  clusters of equal queries. Few rare outcomes say little about it, so the center of that range
  enters as half an observation; and a part above 1, estimated from C clusters, grows by
  (t / z) ** 2 with Student's t of C - 1.
- in a mean of the means of groups (views, classes), a value of a small group counts more, and the
  4 values are added to each group, as a small group may lack rare values too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from egoexobench.evaluation.arrays import Floats, to_floats
from egoexobench.evaluation.intervals import ConfidenceInterval

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from egoexobench.evaluation.arrays import Vectors

Z = 1.959963984540054
"""95 % of a normal distribution lie within this many standard deviations."""
NUM_PSEUDO_VALUES = 4.0
"""Values of 0 and 1 that are added to the variance of others, as Agresti and Coull (1998) add."""
PRIOR_WEIGHT = 0.5
"""Number of rare outcomes that the prior design effect counts for."""


def compute_mean_interval(
    values: Vectors, clusters: Sequence[str], *, groups: Sequence[Hashable] = ()
) -> ConfidenceInterval:
    """Return the interval of a mean, or of the mean of the means of groups.

    Args:
        values: from 0 to 1, ``(N,)``.
        clusters: values of different clusters are independent, ``(N,)``.
        groups: group of each value, ``(N,)``, or empty.

    >>> interval = compute_mean_interval(np.zeros(20), [str(number) for number in range(20)])
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.0, 0.161)
    """
    terms, labels = to_floats(values), _encode_labels(groups or [0] * len(clusters))
    sizes = np.bincount(labels).astype(float)
    means = np.bincount(labels, terms) / sizes
    mean = min(max(float(means.mean()), 0.0), 1.0)
    weights = 1 / (len(sizes) * sizes[labels])
    errors = weights * (terms - means[labels])
    effect = _estimate_design_effect(errors, weights, clusters, min(mean, 1 - mean))
    largest = mean * (1 - mean)
    if largest <= 0:
        return _compute_wilson_interval(mean, 1 / (float(np.square(weights).sum()) * effect))
    spreads = np.bincount(labels, np.square(terms - means[labels])) / sizes / largest
    variance = float((_add_pseudo_values(spreads, sizes) / sizes).mean()) / len(sizes)
    return _compute_wilson_interval(mean, 1 / (variance * effect))


def compute_median_interval(values: Vectors, clusters: Sequence[str]) -> ConfidenceInterval:
    """Return the interval of the median of ``values`` ``(N,)``: two of them.

    They are the values below which so much more or less than half of all values lie that the true
    share could be a half (Woodruff 1952).

    >>> compute_median_interval(np.arange(20.0), [str(number) for number in range(20)])
    ConfidenceInterval(low=5.0, high=14.0)
    """
    ordered = np.sort(to_floats(values))
    total = len(ordered)
    is_low = (to_floats(values) <= np.median(ordered)).astype(float)
    share, weights = float(is_low.mean()), np.full(total, 1 / total)
    errors = (is_low - share) / total
    effect = _estimate_design_effect(errors, weights, clusters, min(share, 1 - share))
    reach = Z * 0.5 * np.sqrt(effect / total)
    low = max(int(np.ceil(total * (0.5 - reach))) - 1, 0)
    high = min(int(np.floor(total * (0.5 + reach))), total - 1)
    return ConfidenceInterval(float(ordered[low]), float(ordered[high]))


def compute_score_interval(
    value: float, variance: float, clusters: Sequence[str], weights: Vectors
) -> ConfidenceInterval:
    """Return the interval of any score from 0 to 1 whose variance over clusters is estimated.

    Args:
        value: the score.
        variance: of the score, over draws of clusters.
        clusters: ``(N,)``.
        weights: how much each item counts in the score, ``(N,)``.

    >>> clusters = [str(number) for number in range(20)]
    >>> round(compute_score_interval(1.0, 0.0, clusters, np.ones(20)).low, 3)
    0.839
    """
    shares = to_floats(weights) / to_floats(weights).sum()
    by_cluster = np.bincount(_encode_labels(clusters), shares)
    num_clusters = 1 / float(np.square(by_cluster).sum())
    mean = min(max(value, 0.0), 1.0)
    largest = mean * (1 - mean) / num_clusters
    spread = float(_add_pseudo_values(variance / largest, num_clusters)) if largest > 0 else 1.0
    return _compute_wilson_interval(mean, num_clusters / spread)


def compute_normal_interval(value: float, variance: float, num_clusters: int) -> ConfidenceInterval:
    """Return the interval of a score without limits, by Student's t of two clusters or more.

    >>> interval = compute_normal_interval(0.5, 0.01, num_clusters=10)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.274, 0.726)
    """
    reach = float(_compute_t_quantile(num_clusters - 1) * np.sqrt(variance))
    return ConfidenceInterval(value - reach, value + reach)


def _add_pseudo_values(spreads: Floats | float, sizes: Floats | float) -> Floats:
    """Variances, divided by that of 0 and 1 values, after values of 0 and 1 were added."""
    added = (sizes * spreads + NUM_PSEUDO_VALUES) / (sizes + NUM_PSEUDO_VALUES)
    return np.asarray(np.maximum(spreads, added))


def _estimate_design_effect(
    errors: Floats, weights: Floats, clusters: Sequence[str], rare_share: float
) -> float:
    """Variance of a mean over clusters, divided by that over independent values.

    Args:
        errors: weighted deviations from the mean, ``(N,)``.
        weights: ``(N,)``, with a sum of 1.
        clusters: ``(N,)``.
        rare_share: share of the rarer outcome.
    """
    codes = _encode_labels(clusters)
    num_clusters = int(codes.max()) + 1
    if num_clusters == len(codes):
        return 1.0
    largest = float(np.square(np.bincount(codes, weights)).sum() / np.square(weights).sum())
    if num_clusters == 1:
        return largest
    independent = float(np.square(errors).sum())
    effect = largest
    if independent > 0:
        over_clusters = float(np.square(np.bincount(codes, errors)).sum())
        effect = max(1.0, num_clusters / (num_clusters - 1) * over_clusters / independent)
    num_rare = rare_share * num_clusters
    prior = (1 + largest) / 2
    effect = max(effect, (num_rare * effect + PRIOR_WEIGHT * prior) / (num_rare + PRIOR_WEIGHT))
    return min(1 + (effect - 1) * (_compute_t_quantile(num_clusters - 1) / Z) ** 2, largest)


def _compute_wilson_interval(mean: float, num_values: float) -> ConfidenceInterval:
    extra = Z**2 / num_values
    center = (mean + extra / 2) / (1 + extra)
    reach = np.sqrt(mean * (1 - mean) * extra + extra**2 / 4) / (1 + extra)
    low = 0.0 if mean == 0 else max(0.0, min(mean, float(center - reach)))
    high = 1.0 if mean == 1 else min(1.0, max(mean, float(center + reach)))
    return ConfidenceInterval(low, high)


def _encode_labels(labels: Sequence[Hashable]) -> NDArray[np.intp]:
    return np.unique(np.asarray(labels), return_inverse=True)[1].reshape(-1)


def _compute_t_quantile(degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975))
