"""Whether one method is better than another on the same queries, and what could have been seen."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from egoexobench.evaluation.metrics import Floats

ALPHA, POWER = 0.05, 0.80


@dataclass(frozen=True, slots=True)
class McNemar:
    """Queries that only the first and only the second method answers, and the exact p."""

    gained: int
    lost: int
    p: float


def mcnemar(a: ArrayLike, b: ArrayLike) -> McNemar:
    """Return McNemar's exact two-sided test of two methods on the same queries.

    Had the methods no difference, each query that only one of them answers would be a fair coin
    (McNemar 1947, in its exact, binomial form). Queries count as independent of each other.

    Args:
        a: ``(N,)``, 0 or 1.
        b: ``(N,)``, in the same order.

    Raises:
        ValueError: for a value that is neither 0 nor 1.
    """
    one, other = np.asarray(a, float), np.asarray(b, float)
    if not binary(one) or not binary(other):
        message = "McNemar's test takes values of 0 and 1"
        raise ValueError(message)
    gained, lost = int((one > other).sum()), int((one < other).sum())
    tosses = gained + lost
    tail = sum(comb(tosses, number) for number in range(min(gained, lost) + 1))
    return McNemar(gained, lost, min(1.0, float(2 * tail / 2**tosses)))


def binary(values: ArrayLike) -> bool:
    """Whether every value is 0 or 1."""
    return bool(np.isin(np.asarray(values), (0, 1)).all())


def holm(ps: ArrayLike) -> Floats:
    """Return p-values ``(M,)`` corrected for M tests (Holm 1979): none is smaller than before.

    To reject what is below 5 % then errs at all, among all M, at most 5 % of the time, whatever
    the tests have to do with each other.
    """
    values = np.asarray(ps, float)
    order = np.argsort(values, kind="stable")
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected


def detectable(
    a: ArrayLike,
    b: ArrayLike,
    clusters: Sequence[str],
    *,
    alpha: float = ALPHA,
    power: float = POWER,
) -> float:
    """Return the smallest true difference that a test of these two would mostly have found.

    ``(z[1 - alpha / 2] + z[power]) * s``, where ``s`` is the standard error of the mean difference
    over clusters: with ``S_c`` the sum of the differences within cluster c less its share of the
    mean, ``s = sqrt(C / (C - 1) * sum(S_c ** 2)) / N``. It is what the number and size of the
    clusters and the disagreement of the two methods allow, not what was found. Where they agree
    on every query it is 0 / 0 and NaN is returned, as for a single cluster.

    Args:
        a: ``(N,)``.
        b: ``(N,)``, in the same order.
        clusters: ``(N,)``; queries of different ones are independent.
        alpha: of the two-sided test.
        power: how often the difference would be found.
    """
    difference = np.asarray(a, float) - np.asarray(b, float)
    codes = np.unique(np.asarray(clusters), return_inverse=True)[1].reshape(-1)
    count = int(codes.max()) + 1
    sums = np.bincount(codes, difference - difference.mean())
    if count < 2 or not sums.any():
        return float("nan")
    error = np.sqrt(count / (count - 1) * np.square(sums).sum()) / len(difference)
    normal = NormalDist()
    return float((normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)) * error)
