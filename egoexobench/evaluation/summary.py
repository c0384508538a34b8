"""From the ranks of some queries to every retrieval metric, with its interval and chance."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.evaluation import intervals, metrics
from egoexobench.evaluation.score import Metric, MetricUnit
from egoexobench.evaluation.tasks import TOP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

    from egoexobench.evaluation.ranks import Ranks


def summarise(
    ranks: Ranks, clusters: Sequence[str], rng: Generator, sides: Sequence[str] = ()
) -> dict[str, Metric]:
    """Return every retrieval metric of some queries.

    Means are over the queries of each side, then over the sides; the median is over all queries.
    """
    found = {}
    shares = _shares(sides) if len(set(Counter(sides).values())) > 1 else None
    for k in TOP:
        values, chance = metrics.top(ranks, k), metrics.top_chance(ranks, k)
        found[f"hit_rate_at_{k}"] = _mean(values, chance, clusters, rng, shares, unit="%")
    places = metrics.positions(ranks)
    interval = intervals.median(places, clusters, rng)
    found["median_rank"] = Metric(
        value=float(np.median(places)),
        low=interval.low,
        high=interval.high,
        chance=metrics.position_chance(ranks),
        unit="rank",
    )
    found["mrr"] = _mean(
        metrics.reciprocal(ranks), metrics.reciprocal_chance(ranks), clusters, rng, shares, unit="1"
    )
    return found


def _shares(sides: Sequence[str]) -> metrics.Floats:
    """Which side each query is of, one row a side, ``(S, N)``."""
    names = np.asarray(sides)
    return np.stack([names == side for side in sorted(set(sides))]).astype(float)


def _mean(
    values: metrics.Floats,
    chance: metrics.Floats,
    clusters: Sequence[str],
    rng: Generator,
    shares: metrics.Floats | None,
    *,
    unit: MetricUnit,
) -> Metric:
    """The mean of some values; with sides of different sizes, the mean of the means of each."""
    if shares is None:
        interval = intervals.mean(values, clusters, rng)
        return _scale(float(values.mean()), interval, float(chance.mean()), unit)

    def means(weights: metrics.Floats, of: metrics.Floats = values) -> metrics.Floats:
        sums, counts = (weights * of) @ shares.T, weights @ shares.T  # (R, S)
        there = counts > 0  # a draw of clusters may hold none of a side
        each = np.where(there, sums / np.maximum(counts, 1), 0)
        return np.asarray(each.sum(1) / there.sum(1))

    every = np.ones((1, len(values)))
    interval = intervals.weighted(means, clusters, rng)
    return _scale(float(means(every)[0]), interval, float(means(every, chance)[0]), unit)


def _scale(value: float, interval: intervals.Interval, chance: float, unit: MetricUnit) -> Metric:
    scale = 100 if unit == "%" else 1
    return Metric(
        value=scale * value,
        low=scale * interval.low,
        high=scale * interval.high,
        chance=scale * chance,
        unit=unit,
    )
