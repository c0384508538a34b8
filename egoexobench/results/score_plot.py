"""Draws scores with their intervals and chance levels; matplotlib comes with the extra `plot`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from egoexobench.errors import UsageError
from egoexobench.evaluation.tasks import list_main_metrics
from egoexobench.extras import require_library
from egoexobench.results.run_table import describe_candidates
from egoexobench.types import SCORED_TASKS, ScoredTask, TrackKey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from egoexobench.evaluation.results import Metric
    from egoexobench.records.schema import Record, ScoreRecord

MARKERS = "osD^vPX*"
"""Runs differ in their marker as well as in their color."""
_ROW_HEIGHT = 0.22
"""Inches of a run in a track."""
_SPREAD = 0.6
"""How far the runs of a track lie apart, of the distance between tracks."""


def plot_scores(
    records: Mapping[str, Record],
    *,
    tasks: Sequence[ScoredTask] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the main metric of each track of some runs, with its 95 % interval and chance.

    Tracks whose main metric is not in percent, such as Kendall's tau, are not drawn.

    Args:
        records: of runs, by the label of each.
        tasks: which tasks to draw; all that a run has if None.
        ax: where to draw; a new figure if None.

    Raises:
        UsageError: if matplotlib is not installed, or no run has a score in percent on the tasks.
    """
    scores = {label: _select_scores(record, tasks) for label, record in records.items()}
    all_tracks = dict.fromkeys(key for item in scores.values() for key in item)
    tracks = sorted(all_tracks, key=lambda key: SCORED_TASKS.index(key.task))
    if not tracks:
        named = f" on the tasks {', '.join(tasks)}" if tasks else ""
        raise UsageError(f"there is no score in % to draw{named}")
    if ax is None:
        require_library("matplotlib", "plot()")
        from matplotlib import pyplot

        height = 1.2 + len(tracks) * max(0.3, _ROW_HEIGHT * len(records))
        _, ax = pyplot.subplots(figsize=(7, height), layout="constrained")
    by_track = {key: [item[key] for item in scores.values() if key in item] for key in tracks}
    for index, (label, run_scores) in enumerate(scores.items()):
        offset = _SPREAD * (index - (len(scores) - 1) / 2) / len(scores)
        rows = {tracks.index(key) + offset: score for key, score in run_scores.items()}
        _draw_run(ax, rows, label, MARKERS[index % len(MARKERS)])
    _draw_chance(ax, list(by_track.values()))
    ax.set_yticks(range(len(tracks)), [_format_track(items[0]) for items in by_track.values()])
    ax.set_ylim(len(tracks) - 0.5, -0.5)
    ax.set_xlim(0, 100)
    ax.set_xlabel("score in %, with its 95 % interval")
    ax.grid(visible=True, axis="x", alpha=0.3)
    ax.legend(loc="best", frameon=False)
    return ax


def _select_scores(
    record: Record, tasks: Sequence[ScoredTask] | None
) -> dict[TrackKey, ScoreRecord]:
    return {
        score.key: score
        for score in record.scores
        if (tasks is None or score.task in tasks) and _get_main_metric(score).unit == "%"
    }


def _draw_run(ax: Axes, rows: Mapping[float, ScoreRecord], label: str, marker: str) -> None:
    metrics = [_get_main_metric(score) for score in rows.values()]
    values = [metric.value for metric in metrics]
    lows = [metric.value if metric.low is None else metric.low for metric in metrics]
    highs = [metric.value if metric.high is None else metric.high for metric in metrics]
    errors = [
        [value - low for value, low in zip(values, lows, strict=True)],
        [high - value for value, high in zip(values, highs, strict=True)],
    ]
    ax.errorbar(values, list(rows), xerr=errors, fmt=marker, capsize=3, label=label)


def _draw_chance(ax: Axes, tracks: Sequence[Sequence[ScoreRecord]]) -> None:
    """Mark the chance levels of each track: runs on other data may have another one."""
    points = {
        (chance, index)
        for index, scores in enumerate(tracks)
        for score in scores
        if (chance := _get_main_metric(score).chance) is not None
    }
    if points:
        x, y = zip(*sorted(points), strict=True)
        ax.scatter(x, y, marker="|", s=160, color="gray", label="chance", zorder=1)


def _get_main_metric(score: ScoreRecord) -> Metric:
    return score.metrics[list_main_metrics(score.task, score.policy)[0]]


def _format_track(score: ScoreRecord) -> str:
    return f"{score.task}, {describe_candidates(score)}"
