"""Records side by side: in what they differ, and which differences of their scores are sure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from egoexobench.errors import DataError, UsageError
from egoexobench.evaluation import metrics
from egoexobench.evaluation.intervals import paired
from egoexobench.evaluation.ranks import Ranks
from egoexobench.evaluation.significance import binary, detectable, holm, mcnemar
from egoexobench.records import store
from egoexobench.records.schema import QueryRank, Record, ScoreRecord
from egoexobench.types import RETRIEVAL_TASKS, TASKS, CandidatePolicy, ScoredTask, Task, TrackKey

PER_QUERY_METRICS = ("top1", "top5", "top10", "mrr")
"""What can be compared query by query."""
DEFAULT_METRICS = ("top1", "mrr")
_IGNORED_FIELDS = ("id", "created", "command", "status", "scores", "sanity", "seconds", "artefacts")

QueryKey = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A record and its ranks by track and by query."""

    path: Path
    record: Record
    ranks: Mapping[TrackKey, Mapping[QueryKey, QueryRank]]


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """In what records differ: one value each, None where a record has none."""

    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """How far run ``first`` is above run ``second`` on one track, by one metric.

    Shares are in percent, ``mrr`` is from 0 to 1. ``p`` is that of ``test``; ``corrected`` is
    Holm's over everything that was compared at once. ``mcnemar`` takes queries for independent.
    """

    task: ScoredTask
    policy: CandidatePolicy | None
    metric: str
    first: int
    second: int
    n: int
    clusters: int
    values: tuple[float, float]
    difference: float
    low: float
    high: float
    test: str
    p: float
    corrected: float
    detectable: float
    mcnemar: float | None = None
    gained: int | None = None
    lost: int | None = None


def load_runs(paths: Sequence[Path]) -> list[LoadedRun]:
    """Read records and the ranks beside them.

    Raises:
        UsageError: for fewer than two records.
        DataError: for a file that is missing, does not fit or was changed, or a failed run.
    """
    if len(paths) < 2:
        raise UsageError(f"compare takes two records or more, and {len(paths)} is given")
    return [_load_run(path) for path in paths]


def differing_fields(runs: Sequence[LoadedRun]) -> list[FieldDifference]:
    """Return every field of the records that is not the same in all of them."""
    flat = [dict(_flatten(_comparable_fields(run.record))) for run in runs]
    fields = dict.fromkeys(field for one in flat for field in one)
    found = [FieldDifference(field, tuple(one.get(field) for one in flat)) for field in fields]
    return [one for one in found if any(value != one.values[0] for value in one.values)]


def compare_runs(
    runs: Sequence[LoadedRun],
    *,
    tasks: Sequence[Task] = TASKS,
    names: Sequence[str] = DEFAULT_METRICS,
    seed: int = 0,
) -> list[PairedComparison]:
    """Compare each two runs on every track that both were scored on, query by query.

    Args:
        runs: what :func:`load` gave.
        tasks: which tasks.
        names: which of `METRICS`; recognition has only ``top1``.
        seed: of the bootstrap.

    Raises:
        DataError: if one task and policy was scored on different tracks, or nothing is left.
    """
    found = []
    for place in _shared_tracks(runs, tasks):
        held = [at for at, run in enumerate(runs) if place in run.ranks]
        _check_same_track(runs, held, place)
        for first, second in combinations(held, 2):
            for name in names if place[0] in RETRIEVAL_TASKS else [n for n in names if n == "top1"]:
                found.append(_compare_pair(runs, (first, second), place, name, seed))  # noqa: PERF401
    if not found:
        raise DataError("no two of the records were scored on one task; nothing can be compared")
    corrected = holm([one.p for one in found])
    return [replace(one, corrected=float(p)) for one, p in zip(found, corrected, strict=True)]


def _load_run(path: Path) -> LoadedRun:
    record = store.read_record(path)
    if record.status != "complete":
        raise DataError(f"{path} is the record of a run that {record.status}")
    ranks: dict[TrackKey, dict[QueryKey, QueryRank]] = {}
    for rank in store.iter_ranks(path):
        ranks.setdefault(rank.key, {})[rank.source, rank.answers] = rank
    return LoadedRun(path, record, ranks)


def _comparable_fields(record: Record) -> dict[str, Any]:
    about = record.model_dump(mode="json")
    kept = {name: value for name, value in about.items() if name not in _IGNORED_FIELDS}
    kept["method"]["parts"] = {
        part["role"]: _describe_part(part) for part in kept["method"]["parts"]
    }
    kept["track"] = {score.key.label: score.track_fingerprint for score in record.scores}
    return kept


def _describe_part(part: Mapping[str, Any]) -> str:
    """A part on one line: its spec and who brings it."""
    options = ",".join(f"{name}={value}" for name, value in part["options"].items())
    brought = part["distribution"] or {"name": "unknown", "version": "0"}
    spec = f"{part['name']}:{options}" if options else part["name"]
    return f"{spec} ({brought['name']} {brought['version']})"


def _flatten(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield name, value
        return
    for key, inner in value.items():
        yield from _flatten(inner, f"{name}.{key}" if name else str(key))


def _shared_tracks(runs: Sequence[LoadedRun], tasks: Sequence[Task]) -> list[TrackKey]:
    keys = {score.key for run in runs for score in run.record.scores if score.task in tasks}
    order: list[ScoredTask] = [task for task in TASKS if task in tasks]
    return sorted(
        (key for key in keys if key.task in order and key.split == "test"),
        key=lambda key: (order.index(key.task), key.policy or ""),
    )


def _find_score(run: LoadedRun, place: TrackKey) -> ScoreRecord:
    return next(score for score in run.record.scores if score.key == place)


def _check_same_track(runs: Sequence[LoadedRun], held: Sequence[int], place: TrackKey) -> None:
    first = _find_score(runs[held[0]], place) if held else None
    for at in held[1:]:
        other = _find_score(runs[at], place)
        if first is None or other.track_fingerprint == first.track_fingerprint:
            continue
        words = sorted(
            key
            for key in {*first.track, *other.track}
            if first.track.get(key) != other.track.get(key)
        )
        raise DataError(
            f"{runs[held[0]].path} and {runs[at].path} are scored on different tracks of "
            f"{first.key.label}, {first.track_fingerprint[:12]} and "
            f"{other.track_fingerprint[:12]}: they differ in {', '.join(words) or 'their text'}; "
            "choose other tasks with --task, or score both on one track"
        )


def _compare_pair(
    runs: Sequence[LoadedRun], at: tuple[int, int], place: TrackKey, name: str, seed: int
) -> PairedComparison:
    one, other = (runs[each].ranks[place] for each in at)
    keys = sorted(one.keys() & other.keys())
    if not keys:
        raise DataError(f"{runs[at[0]].path} and {runs[at[1]].path} share no query of {place[0]}")
    for key in keys:
        if one[key].candidates != other[key].candidates:
            raise DataError(
                f"query {key[0]} of {place[0]} had {one[key].candidates} candidates in "
                f"{runs[at[0]].path} and {other[key].candidates} in {runs[at[1]].path}; score both "
                "on the same clips"
            )
    clusters = [one[key].cluster for key in keys]
    a, b = (per_query_values([ranks[key] for key in keys], name) for ranks in (one, other))
    unit = 1.0 if name == "mrr" else 100.0
    found = paired(a, b, clusters, np.random.default_rng(seed))
    exact = mcnemar(a, b) if name == "top1" and binary(a) and binary(b) else None
    alone = len(set(clusters)) == len(keys)
    return PairedComparison(
        task=place[0],
        policy=place[1],
        metric=name,
        first=at[0],
        second=at[1],
        n=len(keys),
        clusters=len(set(clusters)),
        values=(unit * float(a.mean()), unit * float(b.mean())),
        difference=unit * found.difference,
        low=unit * found.low,
        high=unit * found.high,
        test="McNemar, exact" if exact and alone else "sign flips of clusters",
        p=exact.p if exact and alone else found.p,
        corrected=1.0,
        detectable=unit * detectable(a, b, clusters),
        mcnemar=exact.p if exact else None,
        gained=exact.gained if exact else None,
        lost=exact.lost if exact else None,
    )


def per_query_values(rows: Sequence[QueryRank], name: str) -> metrics.Floats:
    """One value per query, from 0 to 1; under ties its mean over all orders."""
    if name == "top1":
        return np.array([row.hit for row in rows])
    columns = [
        (row.optimistic, row.pessimistic, row.candidates, row.right, row.level) for row in rows
    ]
    ranks = Ranks(*torch.tensor(columns).T)
    return metrics.reciprocal(ranks) if name == "mrr" else metrics.top(ranks, int(name[3:]))
