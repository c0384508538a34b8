"""Tests of a difference between two methods on the same queries, and the power of such a test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.evaluation.arrays import Floats, to_floats
from egoexobench.evaluation.intervals import two_sided_binomial_test

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.evaluation.arrays import Vectors

ALPHA, POWER = 0.05, 0.80


@dataclass(frozen=True, slots=True)
class McNemarResult:
    """Queries that only the first and only the second method answers, and the exact p-value."""

    gained: int
    lost: int
    p: float


def mcnemar_test(a: Vectors, b: Vectors) -> McNemarResult:
    """Return McNemar's exact two-sided test of two methods on the same queries.

    Without a difference between the methods, each query that only one of them answers would be a
    fair coin (McNemar 1947, in its exact, binomial form). Queries count as independent.

    Args:
        a: 0 or 1, ``(N,)``.
        b: 0 or 1, ``(N,)`` in the same order.

    Raises:
        ValueError: for a value that is neither 0 nor 1.

    >>> mcnemar_test(np.array([1, 1, 1, 0]), np.array([0, 0, 1, 1]))
    McNemarResult(gained=2, lost=1, p=1.0)
    """
    first, second = to_floats(a), to_floats(b)
    if not is_binary(first) or not is_binary(second):
        message = "McNemar's test takes values of 0 and 1"
        raise ValueError(message)
    gained, lost = int((first > second).sum()), int((first < second).sum())
    return McNemarResult(gained, lost, two_sided_binomial_test(gained, gained + lost))


def is_binary(values: Vectors) -> bool:
    """Return whether every value is 0 or 1.

    >>> is_binary(np.array([0, 1, 1])), is_binary(np.array([0.5]))
    (True, False)
    """
    return bool(np.isin(to_floats(values), (0, 1)).all())


def holm_correction(ps: Sequence[float] | Floats) -> Floats:
    """Return p-values ``(M,)`` corrected for M tests (Holm 1979); no corrected value is smaller.

    Rejecting what is below 5 % then makes any error, among all M tests, at most 5 % of the time,
    whatever the dependence between the tests.

    >>> holm_correction([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    values = np.asarray(ps, float)
    order = np.argsort(values, kind="stable")
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected


def minimum_detectable_effect(
    a: Vectors,
    b: Vectors,
    clusters: Sequence[str],
    *,
    alpha: float = ALPHA,
    power: float = POWER,
) -> float:
    """Return the smallest true difference that a test of these two would detect with ``power``.

    ``(z[1 - alpha / 2] + z[power]) * s``, where ``s`` is the standard error of the mean difference
    over clusters: with ``S_c`` the sum of the differences within cluster c less its share of the
    mean, ``s = sqrt(C / (C - 1) * sum(S_c ** 2)) / N``. It depends on the number and size of the
    clusters and on the disagreement of the two methods, not on the measured difference. It is NaN
    if the methods agree on every query, and for a single cluster.

    Args:
        a: ``(N,)``.
        b: ``(N,)``, in the same order.
        clusters: queries of different clusters are independent, ``(N,)``.
        alpha: level of the two-sided test.
        power: how often the difference would be detected.

    >>> a, b = np.array([1.0, 0, 1, 1]), np.array([0.0, 1, 1, 1])
    >>> round(minimum_detectable_effect(a, b, list("wxyz")), 2)
    1.14
    """
    error = compute_clustered_error(to_floats(a) - to_floats(b), clusters)
    if not error:
        return float("nan")
    normal = NormalDist()
    return float((normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)) * error)


def compute_clustered_error(values: Floats, clusters: Sequence[str]) -> float:
    """Return the standard error of the mean of clustered values; 0 for equal values.

    With ``S_c`` the sum over cluster c of the values less their mean, it is
    ``sqrt(C / (C - 1) * sum(S_c ** 2)) / N``. It is also 0 for a single cluster.

    >>> compute_clustered_error(np.array([0.0, 1.0]), ["a", "b"])
    0.5
    """
    codes = np.unique(np.asarray(clusters), return_inverse=True)[1].reshape(-1)
    num_clusters = int(codes.max()) + 1
    if num_clusters < 2:
        return 0.0
    sums = np.bincount(codes, values - values.mean())
    return float(np.sqrt(num_clusters / (num_clusters - 1) * np.square(sums).sum()) / len(values))


def seed_difference_test(first: Floats, second: Floats, clusters: Sequence[str]) -> float:
    """Return the two-sided p-value of two methods, over other queries and other seeds.

    Welch's t-test of the mean difference: its variance is that over clusters, of each query's
    difference of the means over seeds, plus that of the mean over the seeds of each method. The
    effect of a seed on single queries is in both, so p is a little large. A method with one seed
    adds nothing: it is taken as it is.

    Args:
        first: values of each seed and query, ``(S, N)``.
        second: the same of the other method, ``(T, N)``.
        clusters: queries of different clusters are independent, ``(N,)``.

    >>> first, second = np.array([[1.0, 1, 0, 1]]), np.array([[0.0, 1, 0, 0]])
    >>> round(seed_difference_test(first, second, list("wxyz")), 2)
    0.18
    """
    differences = first.mean(0) - second.mean(0)
    terms = [(compute_clustered_error(differences, clusters) ** 2, len(set(clusters)) - 1)]
    for values in (first, second):
        num_seeds = len(values)
        if num_seeds > 1:
            terms.append((float(values.mean(1).var(ddof=1)) / num_seeds, num_seeds - 1))
    variance = sum(term for term, _ in terms)
    if not variance:
        return 1.0 if not differences.any() else 0.0
    degrees = variance**2 / sum(term**2 / count for term, count in terms if term)
    return _compute_two_sided_p(float(differences.mean()) / math.sqrt(variance), degrees)


def _compute_two_sided_p(t: float, degrees: float) -> float:
    from scipy.special import stdtr

    return float(2 * stdtr(degrees, -abs(t)))


def drop_test(
    first: Vectors,
    second: Vectors,
    *,
    clusters: tuple[Sequence[str], Sequence[str]],
    margin: float,
) -> float:
    """Return the one-sided p-value of two samples: the mean drops by more than a margin.

    The samples are of different queries, so they are independent of each other. The p-value is
    that of the normal approximation with clustered standard errors.

    Args:
        first: ``(N,)``.
        second: ``(M,)``.
        clusters: of the first and of the second sample; clusters are independent.
        margin: a drop of this size is allowed.

    >>> values = np.array([1.0, 1, 1, 1, 0, 1]), np.array([0.0, 0, 1, 0, 0, 0])
    >>> round(drop_test(*values, clusters=(list("uvwxyz"), list("uvwxyz")), margin=0), 4)
    0.0023
    """
    a, b = to_floats(first), to_floats(second)
    drop = float(a.mean() - b.mean()) - margin
    errors = [compute_clustered_error(*pair) for pair in zip((a, b), clusters, strict=True)]
    error = math.hypot(*errors)
    if not error:
        return 0.0 if drop > 0 else 1.0
    return 1 - NormalDist().cdf(drop / error)
