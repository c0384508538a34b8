"""The scores of a run as lines of a table: beside chance, the oracle and the best shortcuts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.evaluation.tasks import list_main_metrics
from egoexobench.leaderboard.board_text import (
    ANNOTATION_SHORTCUTS,
    POLICY_TITLES,
    format_interval_ends,
    format_number,
    format_range,
    get_metric_label,
)
from egoexobench.site.interval_drawing import IntervalDrawing, draw_interval, make_column_scale
from egoexobench.site.labels import TASK_LABELS
from egoexobench.types import FRAME_TASKS, JOINED_TASKS, RETRIEVAL_TASKS, SCORED_TASKS

if TYPE_CHECKING:
    from egoexobench.evaluation.results import Metric
    from egoexobench.records.schema import Record, ScoreRecord

OTHER_METRICS = ("hit_rate_at_5", "hit_rate_at_10", "median_rank", "mrr")
"""They stand beside the primary metric of a retrieval task."""


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One metric of one track; texts are empty where the run does not hold them.

    The best shortcut is its value and its name.
    """

    task: str
    policy: str
    metric: str
    value: str
    interval: str
    drawing: IntervalDrawing | None
    chance: str
    media_shortcut: tuple[str, str] | None
    annotation_shortcut: tuple[str, str] | None
    oracle: str
    others: tuple[str, ...]
    size: str


@dataclass(frozen=True, slots=True)
class SubsetLine:
    """The primary metric of some of the queries of a track, such as those of one view."""

    task: str
    policy: str
    subset: str
    value: str
    interval: str
    chance: str
    num_queries: int


def list_score_lines(record: Record) -> list[ScoreLine]:
    """Return a line for each track, and one for each secondary metric."""
    references = _collect_references(record)
    return [
        _make_score_line(score, name, references.get(score.track_fingerprint, {}))
        for score in _sort_scores(record.scores)
        for name in list_main_metrics(score.task, score.policy)
        if name in score.metrics
    ]


def list_subset_lines(record: Record) -> list[SubsetLine]:
    """Return a line for each subset of each track, such as a view."""
    return [
        SubsetLine(
            task=TASK_LABELS[score.task],
            policy=score.policy or "",
            subset=name,
            value=_format_value(metric),
            interval=format_interval_ends(metric.low, metric.high, metric.unit),
            chance=format_number(metric.chance, metric.unit),
            num_queries=subset.num_queries,
        )
        for score in _sort_scores(record.scores)
        for name, subset in sorted(score.by_subset.items())
        if (metric := subset.metrics.get(list_main_metrics(score.task, score.policy)[0]))
    ]


def _sort_scores(scores: Sequence[ScoreRecord]) -> list[ScoreRecord]:
    policies = [*POLICY_TITLES, None]
    return sorted(
        scores,
        key=lambda score: (policies.index(score.policy), SCORED_TASKS.index(score.task)),
    )


def _make_score_line(
    score: ScoreRecord, name: str, references: Mapping[str, Mapping[str, Metric]]
) -> ScoreLine:
    metric = score.metrics[name]
    levels = {key: metrics[name].value for key, metrics in references.items() if name in metrics}
    oracle = levels.pop("oracle", None)
    levels.pop("chance", None)
    annotation = {key: value for key, value in levels.items() if key in ANNOTATION_SHORTCUTS}
    media = {key: value for key, value in levels.items() if key not in ANNOTATION_SHORTCUTS}
    is_retrieval = score.task in (*RETRIEVAL_TASKS, *JOINED_TASKS)
    unit, noun = ("queries", "candidates") if is_retrieval else ("clips", "classes")
    size = f"{score.num_queries} {unit}, {format_range(score.candidate_range)} {noun}"
    if score.task in FRAME_TASKS:
        size = f"{score.num_queries} {'pairs' if score.task == 'alignment' else 'frames'}"
    return ScoreLine(
        task=TASK_LABELS[score.task],
        policy=score.policy or "",
        metric=get_metric_label(name, score.task),
        value=_format_value(metric),
        interval=format_interval_ends(metric.low, metric.high, metric.unit),
        drawing=_draw_percent(metric),
        chance=format_number(metric.chance, metric.unit),
        media_shortcut=_format_best(media, metric),
        annotation_shortcut=_format_best(annotation, metric),
        oracle="" if oracle is None else format_number(oracle, metric.unit),
        others=tuple(_iter_others(score)) if is_retrieval else ("",) * len(OTHER_METRICS),
        size=size,
    )


def _iter_others(score: ScoreRecord) -> Iterator[str]:
    for name in OTHER_METRICS:
        metric = score.metrics.get(name)
        yield "" if metric is None else format_number(metric.value, metric.unit)


def _draw_percent(metric: Metric) -> IntervalDrawing | None:
    scale = make_column_scale([0.0, 100.0]) if metric.unit == "%" else None
    if scale is None:
        return None
    return draw_interval(
        scale, metric.value, low=metric.low, high=metric.high, chance=metric.chance
    )


def _format_value(metric: Metric) -> str:
    return format_number(metric.value, metric.unit)


def _format_best(levels: Mapping[str, float], metric: Metric) -> tuple[str, str] | None:
    if not levels:
        return None
    best = max(levels, key=lambda name: levels[name])
    return format_number(levels[best], metric.unit), best


def _collect_references(record: Record) -> dict[str, dict[str, Mapping[str, Metric]]]:
    """The metrics of each reference by the fingerprint of its track."""
    references: dict[str, dict[str, Mapping[str, Metric]]] = {}
    for reference in record.references:
        for score in reference.scores:
            by_name = references.setdefault(score.track_fingerprint, {})
            by_name[reference.name] = score.metrics
    return references
