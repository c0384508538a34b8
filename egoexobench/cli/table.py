"""A record as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from egoexobench.evaluation.tasks import QUESTIONS

if TYPE_CHECKING:
    from egoexobench.records.schema import Metric, Record, ScoreRecord


NAMES = {"map": "mAP"}
"""Metrics as the field writes them."""


def table(record: Record) -> Table:
    """Return one line a track: its headline metric, interval, chance, the other top-k, n."""
    made = Table(
        title=_title(record),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for name in ("task", "among"):
        made.add_column(name, no_wrap=True)
    for name in ("score", "95 %", "chance", "top-5", "top-10", "MedR", "n"):
        made.add_column(name, justify="right", no_wrap=True)
    for score in record.scores:
        made.add_row(*_row(score))
    made.caption = _caption(record)
    made.caption_justify = "left"
    return made


def _title(record: Record) -> str:
    method = record.method
    return f"{method.spec} ({method.scale}) on {record.dataset.spec}, seed {record.seed}"


def _row(score: ScoreRecord) -> list[str]:
    metrics = {metric.name: metric for metric in score.metrics}
    headline = metrics[QUESTIONS[score.task].primary]
    most = score.candidates[1]
    among = (
        f"{score.policy}/{most}" if score.policy == "gallery" else score.policy or f"{most} classes"
    )
    rest = [_number(metrics.get(name)) for name in ("top5", "top10", "median_rank")]
    return [
        score.task if headline.name == "top1" else f"{score.task} {NAMES[headline.name]}",
        among,
        _number(headline),
        _interval(headline),
        "–" if headline.chance is None else f"{headline.chance:.1f}",
        *rest,
        str(score.n),
    ]


def _interval(metric: Metric) -> str:
    return (
        "–" if metric.low is None or metric.high is None else f"{metric.low:.1f}-{metric.high:.1f}"
    )


def _number(metric: Metric | None) -> str:
    return "–" if metric is None else f"{metric.value:.1f}"


def _caption(record: Record) -> str:
    counts, chosen = record.counts, record.chosen_on
    how = f"epoch {chosen.epoch} chosen on {chosen.split}" if chosen else "not trained"
    sound = f"{counts.silent} silent, {counts.without_track} without track"
    if counts.dropped:
        sound += f", {counts.dropped} left out"
    if record.captions and record.captions.missing:
        sound += f"; {record.captions.missing} texts without a sound caption"
    total = sum(record.seconds.values())
    return (
        f"Scores in %: top-1 where no other is named; ties: {record.scores[0].tie_rule}. {how}. "
        f"Clips: {sound}. {total:.1f} s."
    )
