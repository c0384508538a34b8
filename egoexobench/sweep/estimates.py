"""The estimate of one cell: a mean over seeds with a confidence interval.

Two things are random: the training (seeds) and which queries were sampled. The first half-width
is Student's t over the means of the seeds, the second the bootstrap over clusters of each query's
mean over seeds. They are combined as independent errors, by the root of the sum of their squares;
the effect of a seed on single queries is in both, so the interval is a little wide. With one seed
only the second remains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from egoexobench.comparison import compute_per_query_values
from egoexobench.errors import DataError
from egoexobench.evaluation import intervals
from egoexobench.records.store import iter_ranks
from egoexobench.sweep.claims import Estimate

if TYPE_CHECKING:
    from pathlib import Path

    from egoexobench.evaluation.arrays import Floats
    from egoexobench.records.schema import QueryRank, ScoreRecord
    from egoexobench.sweep.record_index import StoredRecord
    from egoexobench.sweep.schema import SweepMetric
    from egoexobench.types import CandidatePolicy, Task, TrackKey

CONFIDENCE = 0.95


class TaskQueryKey(NamedTuple):
    """Task, source and positives of a query."""

    task: str
    source: str
    positives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeedByQueryValues:
    """The values ``(seeds, queries)`` of one row in one column, in the unit of the metric."""

    seeds: tuple[int, ...]
    queries: tuple[TaskQueryKey, ...]
    clusters: tuple[str, ...]
    values: Floats
    chance: float | None


@dataclass(frozen=True, slots=True)
class _StoredScore:
    path: Path
    score: ScoreRecord


def collect_values(
    records: Mapping[int, Sequence[StoredRecord]],
    tasks: Sequence[Task],
    policy: CandidatePolicy,
    metric: SweepMetric,
) -> SeedByQueryValues | None:
    """Return the values of a row in a column; None if no seed has a score on all its tasks.

    Args:
        records: Records by seed, newest first.
        tasks: The column is their mean; each has the same weight.
        policy: Candidate policy of retrieval; recognition has none.
        metric: A metric that has a value for each query.

    Raises:
        DataError: if two seeds were scored on different queries.
    """
    by_seed = {
        seed: [_find_newest_score(stored, task, policy) for task in tasks]
        for seed, stored in sorted(records.items())
    }
    complete = {
        seed: [score for score in scores if score]
        for seed, scores in by_seed.items()
        if all(scores)
    }
    if not complete:
        return None
    rows = {seed: _weigh_values(scores, metric) for seed, scores in complete.items()}
    first, *others = rows.values()
    if any(row.keys() != first.keys() for row in others):
        raise DataError(
            f"{next(iter(records.values()))[0].path} and other seeds of it were scored on "
            f"different queries of {' and '.join(tasks)}; leave the records of one version out"
        )
    queries = tuple(first)
    chances = [_get_chance(stored.score, metric) for stored in next(iter(complete.values()))]
    known_chances = [chance for chance in chances if chance is not None]
    has_chance = len(known_chances) == len(chances)
    return SeedByQueryValues(
        seeds=tuple(rows),
        queries=queries,
        clusters=tuple(first[query][1] for query in queries),
        values=np.array([[row[query][0] for query in queries] for row in rows.values()]),
        chance=sum(known_chances) / len(known_chances) if has_chance else None,
    )


def subtract_paired(
    left: SeedByQueryValues, right: SeedByQueryValues | float
) -> SeedByQueryValues | None:
    """Return left minus right, seed by seed and query by query; None if they share no seed.

    Raises:
        DataError: if the rows were scored on different queries.
    """
    if isinstance(right, float):
        return _replace_values(left, left.seeds, left.values - right)
    shared = tuple(seed for seed in left.seeds if seed in right.seeds)
    if not shared:
        return None
    position = {query: index for index, query in enumerate(right.queries)}
    if position.keys() != set(left.queries):
        raise DataError("two rows of one column were scored on different queries; cannot pair them")
    columns = [position[query] for query in left.queries]
    a = left.values[[left.seeds.index(seed) for seed in shared]]
    b = right.values[[right.seeds.index(seed) for seed in shared]][:, columns]
    return _replace_values(left, shared, a - b)


def estimate_mean(
    values: SeedByQueryValues, *, bounds: tuple[float, float] | None = None
) -> Estimate:
    """Return the mean of values with its interval, clipped to ``bounds``."""
    means = values.values.mean(1)
    mean = float(means.mean())
    over_queries = intervals.bootstrap_mean_interval(
        values.values.mean(0), values.clusters, rng=np.random.default_rng(0)
    )
    over_seeds = 0.0
    if len(means) > 1:
        over_seeds = _compute_t_quantile(len(means)) * float(means.std(ddof=1)) / len(means) ** 0.5
    low = mean - float(np.hypot(over_seeds, mean - over_queries.low))
    high = mean + float(np.hypot(over_seeds, over_queries.high - mean))
    if bounds:
        low, high = max(low, bounds[0]), min(high, bounds[1])
    return Estimate(mean=mean, low=low, high=high, num_seeds=len(means))


def _replace_values(
    template: SeedByQueryValues, seeds: tuple[int, ...], values: Floats
) -> SeedByQueryValues:
    return SeedByQueryValues(
        seeds=seeds,
        queries=template.queries,
        clusters=template.clusters,
        values=values,
        chance=None,
    )


@lru_cache
def _compute_t_quantile(num_seeds: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + CONFIDENCE) / 2, num_seeds - 1))


def _find_newest_score(
    records: Sequence[StoredRecord], task: Task, policy: CandidatePolicy
) -> _StoredScore | None:
    """The newest score of a task on the test split, and the record that has it."""
    for stored in records:
        for score in stored.record.scores:
            if (score.task, score.split) == (task, "test") and score.policy in (policy, None):
                return _StoredScore(stored.path, score)
    return None


def _weigh_values(
    scores: Sequence[_StoredScore], metric: SweepMetric
) -> dict[TaskQueryKey, tuple[float, str]]:
    """Value and cluster of each query; scaled so that each task weighs the same in the mean."""
    values: dict[TaskQueryKey, tuple[float, str]] = {}
    total = sum(stored.score.num_queries for stored in scores)
    for stored in scores:
        ranks = _read_ranks(stored.path).get(stored.score.key, ())
        weight = total / (len(scores) * len(ranks)) if ranks else 0.0
        for rank, value in zip(ranks, _compute_values(ranks, metric), strict=True):
            key = TaskQueryKey(stored.score.task, rank.source, rank.positives)
            values[key] = weight * float(value), rank.cluster
    return values


@cache
def _read_ranks(path: Path) -> Mapping[TrackKey, Sequence[QueryRank]]:
    by_track: dict[TrackKey, list[QueryRank]] = {}
    for rank in iter_ranks(path):
        by_track.setdefault(rank.key, []).append(rank)
    return by_track


def _compute_values(ranks: Sequence[QueryRank], metric: SweepMetric) -> Floats:
    """One value per query in the unit of the metric."""
    values: Floats = (1.0 if metric == "mrr" else 100.0) * compute_per_query_values(ranks, metric)
    return values


def _get_chance(score: ScoreRecord, metric: SweepMetric) -> float | None:
    return score.metrics[metric].chance if metric in score.metrics else None
