"""Compares records: the fields that differ, and paired tests of the scores that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from egoexobench.errors import DataError, UsageError
from egoexobench.evaluation import metrics
from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.intervals import paired_test
from egoexobench.evaluation.significance import (
    holm_correction,
    is_binary,
    mcnemar_test,
    minimum_detectable_effect,
)
from egoexobench.evaluation.tasks import GRADED_METRICS
from egoexobench.records.check_ranks import RankTable, group_by_track
from egoexobench.records.schema import QueryRank, Record, ScoreRecord
from egoexobench.records.store import read_record_and_ranks
from egoexobench.types import RETRIEVAL_TASKS, TASKS, CandidatePolicy, ScoredTask, Task, TrackKey

PER_QUERY_METRICS = ("hit_rate_at_1", "hit_rate_at_5", "hit_rate_at_10", "mrr", *GRADED_METRICS)
"""Metrics that have a value for each query."""
DEFAULT_METRICS = ("hit_rate_at_1", "mrr", *GRADED_METRICS)
_IGNORED_FIELDS = (
    "id",
    "created",
    "command",
    "status",
    "scores",
    "references",
    "seconds",
    "artifacts",
)

QueryKey = tuple[str, tuple[str, ...], int]
"""Source and positives of a query, and how many queries before it have the same: a listed question
may be asked again among other candidates."""


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A record and its ranks by track and by query."""

    path: Path
    record: Record
    ranks: Mapping[TrackKey, Mapping[QueryKey, QueryRank]]


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field in which records differ: one value per record, None if a record has none."""

    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Run ``first`` minus run ``second`` on one track, by one metric.

    Hit rates are in percent, ``mrr`` is from 0 to 1. ``p`` is the p-value of ``test``;
    ``corrected_p`` is corrected by Holm over all comparisons of one call. ``mcnemar`` assumes
    independent queries.
    """

    task: ScoredTask
    policy: CandidatePolicy | None
    metric: str
    first: int
    second: int
    num_queries: int
    num_clusters: int
    values: tuple[float, float]
    difference: float
    low: float
    high: float
    test: str
    p: float
    corrected_p: float
    minimum_detectable: float
    mcnemar: float | None = None
    num_first_only: int | None = None
    num_second_only: int | None = None


def load_runs(paths: Sequence[Path]) -> list[LoadedRun]:
    """Read records and the ranks beside them.

    Raises:
        UsageError: for fewer than two records.
        DataError: for a file that is missing, invalid or changed, or a failed run.
    """
    if len(paths) < 2:
        raise UsageError(f"compare needs at least two different records, got {len(paths)}")
    return [load_single_run(path) for path in paths]


def find_differences(runs: Sequence[LoadedRun]) -> list[FieldDifference]:
    """Return every field that does not have the same value in all records."""
    records = [dict(_flatten_fields(_select_fields(run.record))) for run in runs]
    fields = dict.fromkeys(field for record in records for field in record)
    by_field = [
        FieldDifference(field, tuple(record.get(field) for record in records)) for field in fields
    ]
    return [item for item in by_field if any(value != item.values[0] for value in item.values)]


def compare_runs(
    runs: Sequence[LoadedRun],
    *,
    tasks: Sequence[Task] = TASKS,
    names: Sequence[str] = DEFAULT_METRICS,
    seed: int = 0,
) -> list[PairedComparison]:
    """Compare every pair of runs on every track that both were scored on, query by query.

    Args:
        runs: Result of :func:`load_runs`.
        tasks: Tasks to compare.
        names: Metrics of `PER_QUERY_METRICS`; recognition has only ``hit_rate_at_1``.
        seed: Seed of the bootstrap.

    Raises:
        DataError: if one task and policy was scored on different tracks, or no two runs share
            a track.
    """
    comparisons = []
    for track in _list_tracks(runs, tasks):
        indices = [index for index, run in enumerate(runs) if track in run.ranks]
        _check_same_track([runs[index] for index in indices], track)
        by_run = {index: _list_metrics(runs[index], track) for index in indices}
        for pair in combinations(indices, 2):
            comparisons += [
                _compare_pair(runs, pair, track, metric=name, seed=seed)
                for name in names
                if name in by_run[pair[0]] & by_run[pair[1]]
            ]
    if not comparisons:
        raise DataError("no two of the records were scored on the same task; nothing to compare")
    corrected = holm_correction([comparison.p for comparison in comparisons])
    return [
        replace(comparison, corrected_p=float(p))
        for comparison, p in zip(comparisons, corrected, strict=True)
    ]


def load_single_run(path: Path) -> LoadedRun:
    """Read a record and the ranks beside it.

    Raises:
        DataError: for a file that is missing, invalid or changed, or a failed run.
    """
    record, rows = read_record_and_ranks(path)
    if record.status != "complete":
        raise DataError(f"{path} is the record of a run that {record.status}")
    return LoadedRun(path, record, index_ranks(group_by_track(rows)))


def index_ranks(
    ranks: Mapping[TrackKey, Sequence[QueryRank]],
) -> dict[TrackKey, dict[QueryKey, QueryRank]]:
    """Return ranks of each track by query."""
    return {
        track: dict(zip(make_query_keys(rows), rows, strict=True)) for track, rows in ranks.items()
    }


def make_query_keys(ranks: Sequence[QueryRank]) -> list[QueryKey]:
    """Return a key of each query of one track, the same in every run."""
    counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
    keys = []
    for rank in ranks:
        query = rank.source, rank.positives
        keys.append((*query, counts[query]))
        counts[query] += 1
    return keys


def _select_fields(record: Record) -> dict[str, Any]:
    ignored: dict[str, Any] = dict.fromkeys(_IGNORED_FIELDS, True)
    rounding = {"consistency": {"largest_deviation": True}}
    fields = record.model_dump(mode="json", exclude=ignored | rounding)
    parts = fields["method"]["parts"]
    fields["method"]["parts"] = {part["role"]: _describe_part(part) for part in parts}
    fields["method"]["files"] = {part["role"]: part["file_hashes"] for part in parts}
    fields["track"] = {score.key.label: score.track_fingerprint for score in record.scores}
    return fields


def _describe_part(part: Mapping[str, Any]) -> str:
    """A part on one line: its spec, its distribution and the hash of its source."""
    options = ",".join(f"{name}={value}" for name, value in part["options"].items())
    distribution = part["distribution"] or {"name": "unknown", "version": "0"}
    spec = f"{part['name']}:{options}" if options else part["name"]
    source = f", source {part['source_hash']}" if part["source_hash"] else ""
    return f"{spec} ({distribution['name']} {distribution['version']}{source})"


def _flatten_fields(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield name, value
        return
    for key, inner in value.items():
        yield from _flatten_fields(inner, f"{name}.{key}" if name else str(key))


def _list_tracks(runs: Sequence[LoadedRun], tasks: Sequence[Task]) -> list[TrackKey]:
    keys = {score.key for run in runs for score in run.record.scores if score.task in tasks}
    order: list[ScoredTask] = [task for task in TASKS if task in tasks]
    return sorted(
        (key for key in keys if key.task in order and key.split == "test"),
        key=lambda key: (order.index(key.task), key.policy or ""),
    )


def _find_score(run: LoadedRun, track: TrackKey) -> ScoreRecord:
    return next(score for score in run.record.scores if score.key == track)


def _list_metrics(run: LoadedRun, track: TrackKey) -> set[str]:
    """The metrics that can be computed for each query; chosen answers have no other ranks."""
    names = set(_find_score(run, track).metrics)
    return names if track.task in RETRIEVAL_TASKS else names & {"hit_rate_at_1"}


def _check_same_track(runs: Sequence[LoadedRun], track: TrackKey) -> None:
    scores = [_find_score(run, track) for run in runs]
    for run, score in zip(runs, scores, strict=True):
        first = scores[0]
        if score.track_fingerprint == first.track_fingerprint:
            continue
        names = {*first.track, *score.track}
        differing = sorted(key for key in names if first.track.get(key) != score.track.get(key))
        raise DataError(
            f"{runs[0].path} and {run.path} are scored on different tracks of "
            f"{track.label}, {first.track_fingerprint[:12]} and "
            f"{score.track_fingerprint[:12]}: they differ in {', '.join(differing) or 'their text'}"
            "; choose other tasks with --task, or score both on one track (for given embeddings, "
            "`score --claim` states frames, sampling and template)"
        )


def _compare_pair(
    runs: Sequence[LoadedRun], pair: tuple[int, int], track: TrackKey, *, metric: str, seed: int
) -> PairedComparison:
    left, right = (runs[index].ranks[track] for index in pair)
    paths = [runs[index].path for index in pair]
    keys = sorted(left.keys() & right.keys())
    if not keys:
        raise DataError(f"{paths[0]} and {paths[1]} share no query of {track.task}")
    for key in keys:
        sizes = left[key].num_candidates, right[key].num_candidates
        if sizes[0] != sizes[1]:
            raise DataError(
                f"query {key[0]} of {track.task} has {sizes[0]} candidates in {paths[0]} and "
                f"{sizes[1]} in {paths[1]}; score both on the same clips"
            )
    clusters = [left[key].cluster for key in keys]
    a, b = (
        compute_per_query_values([ranks[key] for key in keys], metric) for ranks in (left, right)
    )
    unit = 1.0 if metric == "mrr" else 100.0
    result = paired_test(a, b, clusters, rng=np.random.default_rng(seed))
    exact = (
        mcnemar_test(a, b) if metric == "hit_rate_at_1" and is_binary(a) and is_binary(b) else None
    )
    is_exact_valid = len(set(clusters)) == len(keys)
    return PairedComparison(
        task=track.task,
        policy=track.policy,
        metric=metric,
        first=pair[0],
        second=pair[1],
        num_queries=len(keys),
        num_clusters=len(set(clusters)),
        values=(unit * float(a.mean()), unit * float(b.mean())),
        difference=unit * result.difference,
        low=unit * result.low,
        high=unit * result.high,
        test="McNemar, exact" if exact and is_exact_valid else "sign flips of clusters",
        p=exact.p if exact and is_exact_valid else result.p,
        corrected_p=1.0,
        minimum_detectable=unit * minimum_detectable_effect(a, b, clusters),
        mcnemar=exact.p if exact else None,
        num_first_only=exact.gained if exact else None,
        num_second_only=exact.lost if exact else None,
    )


def compute_per_query_values(ranks: Sequence[QueryRank], metric: str) -> Floats:
    """Return one value per query, from 0 to 1: the mean over all orders of ties."""
    if metric == "hit_rate_at_1":
        return np.array([rank.top1_probability for rank in ranks])
    table = RankTable(ranks)
    if metric == "mrr":
        return metrics.reciprocal_rank(table)
    if metric in GRADED_METRICS:
        return table.get_graded(metric)
    return metrics.hit_rate_at_k(table, int(metric.removeprefix("hit_rate_at_")))
