"""The bootstrap over clusters, and a paired test of two methods with it.

Queries of one cluster (clips of one take) are not independent, so complete clusters are drawn with
replacement. Clusters differ in size: a mean is the ratio of the drawn sums to the drawn counts. If
clusters take few different values, the draw is one multinomial over those values (one binomial for
0/1 values of single queries): the same distribution as drawing indices, in milliseconds.

A percentile interval has no width if all values are equal, and covers too seldom near 0 and 100 %:
scores have the intervals of `score_intervals`. Here are those of differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.evaluation.arrays import Floats, to_floats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from egoexobench.evaluation.arrays import Vectors

RESAMPLES = 10_000
WEIGHTED_RESAMPLES = 1_000
CONFIDENCE_LEVEL = 0.95
CHUNK_SIZE = 2**21
"""Numbers in memory at once."""


@dataclass(frozen=True, slots=True)
class ConfidenceInterval:
    """The score of another sample of clusters would lie in here 19 times in 20."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Mean of method A minus mean of method B on the same queries; ``p`` is two-sided."""

    difference: float
    low: float
    high: float
    p: float


def bootstrap_mean_interval(
    values: Vectors, clusters: Sequence[str], *, rng: Generator, resamples: int = RESAMPLES
) -> ConfidenceInterval:
    """Return the interval of the mean of ``values`` ``(N,)``.

    >>> rng = np.random.default_rng(0)
    >>> bootstrap_mean_interval(np.array([0.0, 1, 1, 1]), ["a", "b", "c", "d"], rng=rng)
    ConfidenceInterval(low=0.25, high=1.0)
    """
    codes = _encode_clusters(clusters)
    summary = np.stack([np.bincount(codes, to_floats(values)), np.bincount(codes)], 1)
    cells, repeats = np.unique(summary, axis=0, return_counts=True)
    sums = np.concatenate([draw @ cells for draw in _draw_clusters(repeats, rng, resamples)])
    return _percentile_interval(sums[:, 0] / sums[:, 1])


def bootstrap_variance(
    compute: Callable[[Floats], Floats],
    clusters: Sequence[str],
    *,
    rng: Generator,
    resamples: int = WEIGHTED_RESAMPLES,
) -> float:
    """Return the variance of any statistic of weighted items.

    Args:
        compute: the statistic: weights ``(R, N)``, how often each item was drawn, to values
            ``(R,)``; NaN for a draw that has none, which is left out.
        clusters: ``(N,)``.
        rng: random numbers.
        resamples: number of draws in total.

    >>> rng, values = np.random.default_rng(0), np.array([0.0, 1.0])
    >>> round(bootstrap_variance(lambda weights: weights @ values / 2, ["a", "b"], rng=rng), 1)
    0.1
    """
    codes = _encode_clusters(clusters)
    single = np.ones(codes.max() + 1, int)
    draws = _draw_clusters(single, rng, resamples, width=len(codes))
    values = np.concatenate([compute(draw[:, codes]) for draw in draws])
    return float(values[~np.isnan(values)].var())


def paired_test(
    a: Vectors,
    b: Vectors,
    clusters: Sequence[str],
    *,
    rng: Generator,
    resamples: int = RESAMPLES,
) -> PairedDifference:
    """Compare two methods on the same queries, ``a`` and ``b`` ``(N,)`` in the same order.

    The p-value is that of the sign-flip test over clusters: without a difference between the
    methods, the sign of each cluster's difference would be random. If all differences that are not
    0 have one size, as for 0/1 values of single queries, it is exact (McNemar's test).

    >>> rng = np.random.default_rng(0)
    >>> a, b = np.ones(6), np.array([0.0, 0, 0, 0, 0, 1])
    >>> paired_test(a, b, list("uvwxyz"), rng=rng).p
    0.0625
    """
    difference = to_floats(a) - to_floats(b)
    interval = bootstrap_mean_interval(difference, clusters, rng=rng, resamples=resamples)
    return PairedDifference(
        difference=float(difference.mean()),
        low=interval.low,
        high=interval.high,
        p=sign_flip_test(difference, clusters, rng=rng, resamples=resamples),
    )


def sign_flip_test(
    differences: Vectors, clusters: Sequence[str], *, rng: Generator, resamples: int = RESAMPLES
) -> float:
    """Return the two-sided p-value of the differences of two methods, as :func:`paired_test`.

    >>> sign_flip_test(np.array([1.0, 1, 1, 1, 1]), list("abcde"), rng=np.random.default_rng(0))
    0.0625
    """
    row = to_floats(differences)[None]
    return float(shared_sign_flip_test(row, clusters, rng=rng, resamples=resamples)[0])


def shared_sign_flip_test(
    differences: Floats, clusters: Sequence[str], *, rng: Generator, resamples: int = RESAMPLES
) -> Floats:
    """Return the p-values of M tests as :func:`sign_flip_test`, ``(M,)``, with the same signs.

    Args:
        differences: of two methods on the same queries in each test, ``(M, N)``.
        clusters: ``(N,)``.
        rng: random numbers.
        resamples: number of draws, which all tests share.

    >>> differences = np.array([[1.0, 1, 1, 1, 1], [1, 1, 1, 1, -1], [0, 0, 0, 0, 0]])
    >>> shared_sign_flip_test(differences, list("abcde"), rng=np.random.default_rng(0)).tolist()
    [0.0625, 0.375, 1.0]
    """
    codes = _encode_clusters(clusters)
    sums = np.stack([np.bincount(codes, row) for row in differences])
    sums[np.abs(sums) <= 1e-12] = 0.0
    ps = np.array([_compute_exact_p(row[row != 0]) for row in sums])
    drawn = np.flatnonzero(np.isnan(ps))
    sums = sums[drawn]
    sums = sums[:, sums.any(axis=0)]
    if not sums.size:
        return ps
    bounds = np.abs(sums.sum(1)) - 1e-9 * np.abs(sums).sum(1)
    num_extreme = np.zeros(len(sums), int)
    for rows in _split_draws(resamples, sums.shape[1]):
        signs = rng.integers(0, 2, (rows, sums.shape[1]), np.int8)
        num_extreme += (np.abs((2.0 * signs - 1) @ sums.T) >= bounds).sum(0)
    ps[drawn] = (1 + num_extreme) / (1 + resamples)
    return ps


def _compute_exact_p(sums: Floats) -> float:
    """The p-value of sums of one size, none of which is 0; NaN for sums of several sizes."""
    sizes = np.abs(sums)
    if len(sums) and sizes.max() - sizes.min() >= 1e-12:
        return float("nan")
    return two_sided_binomial_test(int((sums > 0).sum()), len(sums))


def two_sided_binomial_test(heads: int, tosses: int) -> float:
    """Return the two-sided p-value of a number of heads of a fair coin.

    >>> two_sided_binomial_test(heads=5, tosses=5)
    0.0625
    """
    fewer = min(heads, tosses - heads)
    tail = sum(comb(tosses, number) for number in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**tosses))


def _encode_clusters(clusters: Sequence[str]) -> NDArray[np.intp]:
    return np.unique(np.asarray(clusters), return_inverse=True)[1].reshape(-1)


def _draw_clusters(
    repeats: NDArray[np.int_], rng: Generator, resamples: int, width: int = 0
) -> Iterator[Floats]:
    """Yield how often each of M different kinds of cluster was drawn, ``(R, M)``.

    Args:
        repeats: number of clusters of each kind, ``(M,)``.
        rng: random numbers.
        resamples: number of draws in total.
        width: numbers that the caller keeps in memory for each draw.
    """
    cells, total = len(repeats), int(repeats.sum())
    is_small = cells * 6 < total  # one binomial costs about as much as six indices
    kinds = np.repeat(np.arange(cells), repeats)
    for rows in _split_draws(resamples, max(cells if is_small else total, width)):
        if is_small or cells == 1:
            yield rng.multinomial(total, repeats / total, rows).astype(float)
            continue
        drawn = kinds[rng.integers(0, total, (rows, total))] + cells * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * cells).reshape(rows, cells).astype(float)


def _split_draws(resamples: int, width: int) -> Iterator[int]:
    rows = max(1, CHUNK_SIZE // max(1, width))
    while resamples > 0:
        yield min(rows, resamples)
        resamples -= rows


def _percentile_interval(values: Floats) -> ConfidenceInterval:
    tail = (1 - CONFIDENCE_LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return ConfidenceInterval(float(low), float(high))
