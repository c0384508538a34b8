"""What one column says of one row: a mean over seeds, and how sure it is.

Two things are left to chance: what training drew (seeds) and which queries were asked. The first
half-width is Student's t over the means of the seeds, the second the bootstrap over clusters of
each query's mean over seeds. They are added as the independent errors that they nearly are, by
their squares; what a seed does to single queries is in both, so the interval is a little wide.
Of one seed only the second is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.comparison import per_query_values
from egoexobench.errors import DataError
from egoexobench.evaluation import intervals
from egoexobench.records import store

if TYPE_CHECKING:
    from pathlib import Path

    from egoexobench.evaluation.metrics import Floats
    from egoexobench.records.schema import QueryRank, ScoreRecord
    from egoexobench.sweep.record_index import StoredRecord
    from egoexobench.sweep.schema import SweepMetric
    from egoexobench.types import CandidatePolicy, Task, TrackKey

CONFIDENCE = 0.95
QueryKey = tuple[str, str, tuple[str, ...]]
"""Task, who asked, and every right answer."""


@dataclass(frozen=True, slots=True)
class SeedByQueryValues:
    """Values ``(seeds, queries)`` of one column in the unit of its metric."""

    seeds: tuple[int, ...]
    queries: tuple[QueryKey, ...]
    clusters: tuple[str, ...]
    values: Floats
    chance: float | None
    """What guessing gives."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over ``seeds`` seeds and its 95 % interval."""

    mean: float
    low: float
    high: float
    seeds: int


def collect_values(
    kept: Mapping[int, Sequence[StoredRecord]],
    tasks: Sequence[Task],
    policy: CandidatePolicy,
    metric: SweepMetric,
) -> SeedByQueryValues | None:
    """Return a row's values in one column; None where no seed has a score on all its tasks.

    Args:
        kept: records by seed, newest first.
        tasks: those the column is the mean of, each with the same weight.
        policy: of retrieval; recognition has none.
        metric: of which a query has a value of its own.

    Raises:
        DataError: if two seeds were asked different queries.
    """
    found = {
        seed: [_newest_score(records, task, policy) for task in tasks]
        for seed, records in sorted(kept.items())
    }
    whole = {seed: [one for one in many if one] for seed, many in found.items() if all(many)}
    if not whole:
        return None
    rows = {seed: _weighted_values(scored, metric) for seed, scored in whole.items()}
    first, *rest = rows.values()
    for other in rest:
        if other.keys() != first.keys():
            raise DataError(
                f"{next(iter(kept.values()))[0].path} and other seeds of it were asked different "
                f"questions of {' and '.join(tasks)}; leave the records of one version out"
            )
    queries = tuple(first)
    chances = [_chance_level(score, metric) for _, score in next(iter(whole.values()))]
    known = [chance for chance in chances if chance is not None]
    return SeedByQueryValues(
        tuple(rows),
        queries,
        tuple(first[query][1] for query in queries),
        np.array([[row[query][0] for query in queries] for row in rows.values()]),
        sum(known) / len(known) if len(known) == len(chances) else None,
    )


def paired_difference(
    one: SeedByQueryValues, other: SeedByQueryValues | float
) -> SeedByQueryValues | None:
    """Return the difference of two rows, seed by seed and query by query; None if none is shared.

    Raises:
        DataError: if the rows were asked different queries.
    """
    if isinstance(other, float):
        return SeedByQueryValues(one.seeds, one.queries, one.clusters, one.values - other, None)
    shared = tuple(seed for seed in one.seeds if seed in other.seeds)
    if not shared:
        return None
    place = {query: at for at, query in enumerate(other.queries)}
    if place.keys() != set(one.queries):
        raise DataError("two rows of one column were asked different queries; nothing is paired")
    columns = [place[query] for query in one.queries]
    a = one.values[[one.seeds.index(seed) for seed in shared]]
    b = other.values[[other.seeds.index(seed) for seed in shared]][:, columns]
    return SeedByQueryValues(shared, one.queries, one.clusters, a - b, None)


def mean_with_interval(
    one: SeedByQueryValues, *, bounds: tuple[float, float] | None = None
) -> Estimate:
    """Return the mean of a series with its interval, cut to what can be."""
    means = one.values.mean(1)
    mean = float(means.mean())
    asked = intervals.mean(one.values.mean(0), one.clusters, np.random.default_rng(0))
    drawn = (
        _t_quantile(len(means)) * float(means.std(ddof=1)) / len(means) ** 0.5
        if len(means) > 1
        else 0.0
    )
    low = mean - float(np.hypot(drawn, mean - asked.low))
    high = mean + float(np.hypot(drawn, asked.high - mean))
    if bounds:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    return Estimate(mean, low, high, len(means))


@lru_cache
def _t_quantile(count: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + CONFIDENCE) / 2, count - 1))


_StoredScore = tuple["Path", "ScoreRecord"]


def _newest_score(
    kept: Sequence[StoredRecord], task: Task, policy: CandidatePolicy
) -> _StoredScore | None:
    """The newest score of a task, and the record that holds it."""
    for one in kept:
        for score in one.record.scores:
            if (score.task, score.split) == (task, "test") and score.policy in (policy, None):
                return one.path, score
    return None


def _weighted_values(
    scored: Sequence[_StoredScore], metric: SweepMetric
) -> dict[QueryKey, tuple[float, str]]:
    """Value and cluster of each query; scaled so that each task weighs the same in the mean."""
    found: dict[QueryKey, tuple[float, str]] = {}
    total = sum(score.n for _, score in scored)
    for path, score in scored:
        rows = _read_ranks(path).get(score.key, ())
        weight = total / (len(scored) * len(rows)) if rows else 0.0
        for row, value in zip(rows, _metric_values(rows, metric), strict=True):
            found[score.task, row.source, row.answers] = weight * float(value), row.cluster
    return found


@cache
def _read_ranks(path: Path) -> Mapping[TrackKey, Sequence[QueryRank]]:
    found: dict[TrackKey, list[QueryRank]] = {}
    for rank in store.iter_ranks(path):
        found.setdefault(rank.key, []).append(rank)
    return found


def _metric_values(rows: Sequence[QueryRank], metric: SweepMetric) -> Floats:
    """One value per query in the unit of the metric."""
    found: Floats = (1.0 if metric == "mrr" else 100.0) * per_query_values(rows, metric)
    return found


def _chance_level(score: ScoreRecord, metric: SweepMetric) -> float | None:
    return next((one.chance for one in score.metrics if one.name == metric), None)
