"""Runs that were scored on the same queries, which pages show side by side."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.evaluation.tasks import list_main_metrics
from egoexobench.records.store import make_slug
from egoexobench.types import FRAME_TASKS, JOINED_TASKS, SCORED_TASKS

if TYPE_CHECKING:
    from egoexobench.records.schema import Record, ScoreRecord
    from egoexobench.site.inputs import SiteRun
    from egoexobench.types import TrackKey

MAX_RUNS = 10
"""Runs that a page shows side by side."""


@dataclass(frozen=True)
class SharedTrack:
    """A track of a data set, and the runs that were scored on it.

    Attributes:
        key: task and candidate policy.
        fingerprint: of the track.
        runs: the best ones, one of each method before others of it; at most `MAX_RUNS`.
        num_runs: all that were scored on it.
        path: the page with its queries, relative to the root of the site.
    """

    key: TrackKey
    fingerprint: str
    runs: tuple[SiteRun, ...]
    num_runs: int
    path: str

    @property
    def record(self) -> Record:
        """The record of one of the runs, for what all of them share."""
        return self.runs[0].record


def collect_shared_tracks(runs: Iterable[SiteRun]) -> list[SharedTrack]:
    """Return every track that has ranks of queries, in the order of data sets and tasks."""
    groups: dict[tuple[str, TrackKey, str], list[SiteRun]] = {}
    for run in runs:
        for score in run.record.scores:
            has_ranks = score.task not in (*JOINED_TASKS, *FRAME_TASKS)
            if has_ranks and score.split == "test":
                group = run.record.dataset.fingerprint, score.key, score.track_fingerprint
                groups.setdefault(group, []).append(run)
    tracks: dict[str, SharedTrack] = {}
    order = {task: number for number, task in enumerate(SCORED_TASKS)}
    for (data, key, fingerprint), group_runs in sorted(
        groups.items(), key=lambda item: (item[1][0].record.dataset.spec, order[item[0][1].task])
    ):
        path = _make_path(group_runs[0].record, key)
        if path in tracks:
            digest = hashlib.sha256(f"{data} {fingerprint}".encode()).hexdigest()
            path = path.replace(".html", f"-{digest[:8]}.html")
        selected = select_runs(group_runs, key)
        tracks[path] = SharedTrack(
            key, fingerprint, runs=tuple(selected), num_runs=len(group_runs), path=path
        )
    return list(tracks.values())


def select_runs(runs: Sequence[SiteRun], key: TrackKey, limit: int = MAX_RUNS) -> list[SiteRun]:
    """Return the best runs of a track, the best one first, and each method before its repeats."""
    by_quality = sorted(runs, key=lambda run: -get_primary_value(run.record, key))
    counts: dict[str, int] = {}
    repeats: list[tuple[int, int]] = []
    for position, run in enumerate(by_quality):
        method = run.record.method.fingerprint
        counts[method] = counts.get(method, -1) + 1
        repeats.append((counts[method], position))
    selected = sorted(position for _, position in sorted(repeats)[:limit])
    return [by_quality[position] for position in selected]


def find_score(record: Record, key: TrackKey) -> ScoreRecord | None:
    """Return the score of a run on a track; None if it has none."""
    return next((score for score in record.scores if score.key == key), None)


def get_primary_value(record: Record, key: TrackKey) -> float:
    """Return the value by which tables are sorted."""
    score = find_score(record, key)
    metric = score.metrics.get(list_main_metrics(key.task, key.policy)[0]) if score else None
    return metric.value if metric else float("-inf")


def label_runs(runs: Sequence[SiteRun]) -> list[str]:
    """Return a short label of each run; those of one method are told apart by seed, then by id."""
    labels = [_describe_method(run.record) for run in runs]
    seeds = [f"{label}, seed {run.record.seed}" for label, run in zip(labels, runs, strict=True)]
    ids = [f"{label}, {run.record.id}" for label, run in zip(labels, runs, strict=True)]
    return [
        label if labels.count(label) == 1 else (seed if seeds.count(seed) == 1 else name)
        for label, seed, name in zip(labels, seeds, ids, strict=True)
    ]


def _describe_method(record: Record) -> str:
    overrides = [f"{name}={value}" for name, value in sorted(record.method.overrides.items())]
    return " ".join((record.method.spec, *overrides))


def _make_path(record: Record, key: TrackKey) -> str:
    parts = (make_slug(record.dataset.spec), key.task, (key.policy or "").replace("@", "-"))
    return f"queries/{'-'.join(filter(None, parts))}.html"
