"""The index of runs: what each one is, its main scores, and what was checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.evaluation.tasks import list_main_metrics
from egoexobench.leaderboard.board_text import format_number, get_metric_label
from egoexobench.site.labels import TASK_LABELS
from egoexobench.site.page import Page
from egoexobench.site.run_facts import describe_evidence
from egoexobench.types import TrackKey

if TYPE_CHECKING:
    from egoexobench.site.inputs import SiteInputs, SiteRun

MAIN_TRACKS = (
    TrackKey("association", "gallery"),
    TrackKey("t2v", "gallery"),
    TrackKey("action", None),
)
"""The tracks whose scores the index shows, where a run has them."""


@dataclass(frozen=True, slots=True)
class IndexScore:
    """The primary metric of a track: its value, and the same as text."""

    value: float
    text: str


@dataclass(frozen=True, slots=True)
class IndexLine:
    """A run in the index; a score is None if the run does not have it."""

    run: SiteRun
    evidence: str
    audit: str
    scores: tuple[IndexScore | None, ...]


def make_run_index_pages(inputs: SiteInputs) -> list[Page]:
    """Return the index of runs; nothing without runs."""
    if not inputs.runs:
        return []
    scores = [_collect_scores(run) for run in inputs.runs]
    tracks = [key for key in MAIN_TRACKS if any(key in by_track for by_track in scores)]
    lines = [
        _make_line(run, tracks, by_track) for run, by_track in zip(inputs.runs, scores, strict=True)
    ]
    records = [line.run.record for line in lines]
    values = {
        "lines": lines,
        "tracks": [(TASK_LABELS[key.task], _describe_metric(key)) for key in tracks],
        "filters": {
            "method": sorted({record.method.name for record in records}),
            "data": sorted({record.dataset.spec for record in records}),
            "evidence": sorted({line.evidence for line in lines}),
            "scale": sorted({record.method.scale for record in records}),
            "audit": sorted({line.audit for line in lines}),
        },
        "problems": inputs.problems,
    }
    return [Page("runs/index.html", "Runs", "runs.html", values)]


def _describe_metric(key: TrackKey) -> str:
    label = get_metric_label(list_main_metrics(key.task, key.policy)[0], key.task)
    return " ".join(filter(None, (label, "%", key.policy)))


def _collect_scores(run: SiteRun) -> Mapping[TrackKey, IndexScore]:
    return {
        score.key: IndexScore(metric.value, format_number(metric.value, metric.unit))
        for score in run.record.scores
        if (metric := score.metrics.get(list_main_metrics(score.task, score.policy)[0]))
    }


def _make_line(
    run: SiteRun, tracks: list[TrackKey], scores: Mapping[TrackKey, IndexScore]
) -> IndexLine:
    audit = "not audited"
    if run.audits:
        audit = "audited" if all(item.passed for item in run.audits) else "audit failed"
    return IndexLine(
        run=run,
        evidence=describe_evidence(run.record),
        audit=audit,
        scores=tuple(scores.get(key) for key in tracks),
    )
