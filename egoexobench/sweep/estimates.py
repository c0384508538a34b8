"""The estimate of one cell: a mean over seeds, with its interval over queries and seeds.

The values of a difference can be negative: its interval over queries is a bootstrap over clusters,
that of a score is Wilson's (`evaluation.score_intervals`). How seeds enter: see
`evaluation.seed_intervals`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from egoexobench.comparison import compute_per_query_values, make_query_keys
from egoexobench.errors import DataError
from egoexobench.evaluation.intervals import ConfidenceInterval, bootstrap_mean_interval
from egoexobench.evaluation.score_intervals import compute_mean_interval
from egoexobench.evaluation.seed_intervals import combine_seeds
from egoexobench.records.store import iter_ranks
from egoexobench.sweep.claims import Estimate

if TYPE_CHECKING:
    from pathlib import Path

    from egoexobench.evaluation.arrays import Floats
    from egoexobench.records.schema import QueryRank, ScoreRecord
    from egoexobench.sweep.record_index import StoredRecord
    from egoexobench.sweep.schema import SweepMetric
    from egoexobench.types import CandidatePolicy, Task, TrackKey


class TaskQueryKey(NamedTuple):
    """Task, source and positives of a query, and how many queries before it have the same."""

    task: str
    source: str
    positives: tuple[str, ...]
    num_before: int = 0


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
    """Return the mean of values with its interval.

    Args:
        values: of every seed and query.
        bounds: 0 and the largest possible score; None for differences, which can be negative.
    """
    by_query = values.values.mean(0)
    if bounds is None:
        interval = bootstrap_mean_interval(by_query, values.clusters, rng=np.random.default_rng(0))
        return _combine_seeds(values, interval, (float("-inf"), float("inf")))
    shares, tasks = by_query / bounds[1], [query.task for query in values.queries]
    sizes = Counter(tasks)  # each task has the same weight in the mean, by a factor of its values
    factors = np.array([len(tasks) / (len(sizes) * sizes[task]) for task in tasks])
    share = compute_mean_interval(np.clip(shares / factors, 0, 1), values.clusters, groups=tasks)
    interval = ConfidenceInterval(bounds[1] * share.low, bounds[1] * share.high)
    return _combine_seeds(values, interval, bounds)


def _combine_seeds(
    values: SeedByQueryValues, over_queries: ConfidenceInterval, bounds: tuple[float, float]
) -> Estimate:
    means = [float(mean) for mean in values.values.mean(1)]
    interval = combine_seeds(means, over_queries, bounds)
    mean = float(values.values.mean(1).mean())
    return Estimate(mean=mean, low=interval.low, high=interval.high, num_seeds=len(means))


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
        columns = make_query_keys(ranks), ranks, _compute_values(ranks, metric)
        for query, rank, value in zip(*columns, strict=True):
            key = TaskQueryKey(stored.score.task, *query)
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
