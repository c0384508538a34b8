"""How sure a number is: 95 % percentile bootstrap intervals and a paired test, over clusters.

Queries of one cluster (clips of one take) are not independent, so clusters are drawn, whole and
with replacement. Clusters differ in size: a mean is the ratio of the drawn sums to the drawn
counts. Where clusters take few different values the draw is one multinomial over those values,
for 0/1 values of single queries one binomial: the same law as drawing indices, in milliseconds.

A percentile interval has no width where all values are equal (0 % or 100 %): read it with n.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.random import Generator
    from numpy.typing import ArrayLike, NDArray

    from egoexobench.evaluation.metrics import Floats

RESAMPLES = 10_000
WEIGHTED_RESAMPLES = 1_000
_LEVEL = 0.95
_CHUNK = 2**21
"""Numbers that are held at once."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the score of another sample of clusters would lie, 19 times in 20."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Paired:
    """How far method A is above method B on the same queries; ``p`` is two-sided."""

    difference: float
    low: float
    high: float
    p: float


def mean(
    values: ArrayLike, clusters: Sequence[str], rng: Generator, *, resamples: int = RESAMPLES
) -> Interval:
    """Return the interval of the mean of ``values`` (N,)."""
    codes = _codes(clusters)
    summary = np.stack([np.bincount(codes, np.asarray(values, float)), np.bincount(codes)], 1)
    cells, repeats = np.unique(summary, axis=0, return_counts=True)
    drawn = [draw @ cells for draw in _draws(repeats, rng, resamples)]
    sums = np.concatenate(drawn)
    return _percentile(sums[:, 0] / sums[:, 1])


def median(
    values: ArrayLike, clusters: Sequence[str], rng: Generator, *, resamples: int = RESAMPLES
) -> Interval:
    """Return the interval of the median of ``values`` (N,).

    The m-th smallest of N draws is the value at the m-th smallest of N uniform numbers, which
    follows a beta law: nothing has to be drawn N times. Where clusters hold several values,
    1,000 weighted medians.
    """
    ordered = np.sort(np.asarray(values, float))
    total = len(ordered)
    if len(set(clusters)) < total:
        return weighted(_weighted_median(np.asarray(values, float)), clusters, rng)
    lower = (total + 1) // 2
    first = rng.beta(lower, total - lower + 1, resamples)
    second = first
    if total % 2 == 0:
        second = first + (1 - first) * rng.beta(1, total - lower, resamples)
    places = np.minimum(np.floor(np.stack([first, second]) * total).astype(int), total - 1)
    return _percentile(ordered[places].mean(0))


def weighted(
    statistic: Callable[[Floats], Floats],
    clusters: Sequence[str],
    rng: Generator,
    *,
    resamples: int = WEIGHTED_RESAMPLES,
) -> Interval:
    """Return the interval of any statistic of weighted items.

    Args:
        statistic: weights ``(R, N)``, how often each item was drawn, to values ``(R,)``.
        clusters: ``(N,)``.
        rng: the source of chance.
        resamples: R in all.
    """
    codes = _codes(clusters)
    single = np.ones(codes.max() + 1, int)
    draws = _draws(single, rng, resamples, width=len(codes))
    return _percentile(np.concatenate([statistic(draw[:, codes]) for draw in draws]))


def paired(
    a: ArrayLike,
    b: ArrayLike,
    clusters: Sequence[str],
    rng: Generator,
    *,
    resamples: int = RESAMPLES,
) -> Paired:
    """Compare two methods on the same queries, ``a`` and ``b`` (N,) in the same order.

    The p-value is that of the sign-flip test over clusters: had the two methods no difference,
    the sign of each cluster's difference would be a coin's. Where all differences that are not 0
    have one size, as for 0/1 values of single queries, it is exact (McNemar's test).
    """
    difference = np.asarray(a, float) - np.asarray(b, float)
    found = mean(difference, clusters, rng, resamples=resamples)
    sums = np.asarray(np.bincount(_codes(clusters), difference), float)
    p = _flip(sums[np.abs(sums) > 1e-12], rng, resamples)
    return Paired(float(difference.mean()), found.low, found.high, p)


def _flip(sums: Floats, rng: Generator, resamples: int) -> float:
    if not len(sums):
        return 1.0
    sizes = np.abs(sums)
    if sizes.max() - sizes.min() < 1e-12:
        return _coin(int((sums > 0).sum()), len(sums))
    bound = abs(float(sums.sum())) - 1e-9 * float(sizes.sum())
    extreme = 0
    for rows in _chunks(resamples, len(sums)):
        signs = rng.integers(0, 2, (rows, len(sums)), np.int8)
        extreme += int((np.abs((2.0 * signs - 1) @ sums) >= bound).sum())
    return (1 + extreme) / (1 + resamples)


def _coin(heads: int, tosses: int) -> float:
    """Two-sided p of so many heads of a fair coin."""
    fewer = min(heads, tosses - heads)
    tail = sum(comb(tosses, number) for number in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**tosses))


def _weighted_median(values: Floats) -> Callable[[Floats], Floats]:
    order = np.argsort(values, kind="stable")
    ordered = values[order]

    def statistic(weights: Floats) -> Floats:
        reached = weights[:, order].cumsum(1)
        half = reached[:, -1:] / 2
        lower = ordered[(reached < half).sum(1)]
        upper = ordered[(reached <= half).sum(1)]
        middle: Floats = (lower + upper) / 2
        return middle

    return statistic


def _codes(clusters: Sequence[str]) -> NDArray[np.intp]:
    return np.unique(np.asarray(clusters), return_inverse=True)[1].reshape(-1)


def _draws(
    repeats: NDArray[np.int_], rng: Generator, resamples: int, width: int = 0
) -> Iterator[Floats]:
    """Yield ``(R, M)``: how often each of M different clusters, there so often, was drawn."""
    cells, total = len(repeats), int(repeats.sum())
    few = cells * 6 < total  # one binomial costs about as much as six indices
    of = np.repeat(np.arange(cells), repeats)
    for rows in _chunks(resamples, max(cells if few else total, width)):
        if few or cells == 1:
            yield rng.multinomial(total, repeats / total, rows).astype(float)
            continue
        drawn = of[rng.integers(0, total, (rows, total))] + cells * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * cells).reshape(rows, cells).astype(float)


def _chunks(resamples: int, width: int) -> Iterator[int]:
    rows = max(1, _CHUNK // max(1, width))
    while resamples > 0:
        yield min(rows, resamples)
        resamples -= rows


def _percentile(values: Floats) -> Interval:
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))
