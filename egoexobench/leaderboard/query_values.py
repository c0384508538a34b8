"""The value of every query of a row in one column, from the ranks that the row stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.leaderboard.stored_ranks import RANKED_METRICS, compute_values
from egoexobench.types import JOINED_TASKS, TrackKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.evaluation.arrays import Floats
    from egoexobench.leaderboard.reproduced import ReproducedRow, ReproducedTrack, SeedRun

_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class QueryValues:
    """Values from 0 to 1 of each seed and query, ``(S, N)``, and the queries that they are of."""

    values: Floats
    clusters: tuple[str, ...]
    track_hashes: tuple[str, ...]
    """Fingerprint and hashes of the queries: the same for all rows that may be compared."""


def list_distinct_runs(row: ReproducedRow) -> list[SeedRun]:
    """Return the runs of a row; those of an untrained method with equal scores count as one.

    An untrained method may still depend on the seed: weights that are frozen can be random.
    """
    if any(run.checkpoint_selection for run in row.runs):
        return list(row.runs)
    distinct: dict[tuple[object, ...], SeedRun] = {}
    for run in row.runs:
        scores = (
            (fingerprint, name, metric.value)
            for fingerprint, metrics in sorted(run.metrics.items())
            for name, metric in sorted(metrics.items())
        )
        distinct.setdefault(tuple(scores), run)
    return list(distinct.values())


def collect_query_values(
    row: ReproducedRow, runs: Sequence[SeedRun], track: ReproducedTrack, metric: str
) -> QueryValues | None:
    """Return the values of every query; None if the row lacks them or they are not the metric.

    A metric that is no mean over queries, such as mAP, has none, and a mean of the means of views
    of different size is another mean.
    """
    parts = _list_parts(row, track)
    hashes = tuple(part.queries.sha256 for part in parts if part.queries)
    if metric not in RANKED_METRICS or not parts or len(hashes) < len(parts):
        return None
    by_run = []
    for run in runs:
        texts = [run.ranks.get(part.fingerprint) for part in parts]
        if None in texts:
            return None
        values = np.concatenate([compute_values(text, metric) for text in texts if text])
        recorded = run.metrics[track.fingerprint][metric]
        scale = 100.0 if recorded.unit == "%" else 1.0
        if abs(float(values.mean()) - recorded.value / scale) > _TOLERANCE:
            return None
        by_run.append(values)
    clusters = [name for part in parts if part.queries for name in part.queries.clusters]
    if len(set(clusters)) != track.num_clusters:
        return None  # two tasks with different clusters, whose names are not stored
    return QueryValues(np.stack(by_run), tuple(clusters), (track.fingerprint, *hashes))


def _list_parts(row: ReproducedRow, track: ReproducedTrack) -> list[ReproducedTrack]:
    """The tracks whose queries are those of a track: a joined task has those of its two tasks."""
    if track.task not in JOINED_TASKS:
        return [track]
    keys = [TrackKey(task, track.policy, track.split) for task in JOINED_TASKS[track.task]]
    parts = [item for key in keys for item in row.tracks if item.key == key]
    return parts if len(parts) == len(keys) else []
