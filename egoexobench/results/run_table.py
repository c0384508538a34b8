"""The record of a run as one table: for a terminal, as text and for a notebook."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from egoexobench.evaluation.tasks import TASKS_INFO
from egoexobench.types import RECOGNITION_TASKS

if TYPE_CHECKING:
    from egoexobench.evaluation.results import Metric
    from egoexobench.records.schema import Record, ScoreRecord

TEXT_WIDTH = 100
"""Columns of the table as text."""
_HTML_BLOCK = "<pre style='line-height: 1.2'>{code}</pre>"
DASH = "–"
PRIMARY_LABELS = {"map": "mAP"}
"""Primary metrics that the row of a task names."""
SCORE_COLUMNS = ("score", "95 %", "chance", "R@5", "R@10", "median rank", "n")


def build_run_table(record: Record) -> Table:
    """Return one row per track: its primary metric, interval, chance, R@5, R@10, median rank, n."""
    table = Table(
        title=_format_title(record),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        caption=_format_caption(record),
        caption_justify="left",
    )
    for name in ("task", "candidates"):
        table.add_column(name, no_wrap=True)
    for name in SCORE_COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for score in record.scores:
        table.add_row(*_format_cells(score))
    return table


def render_run_text(record: Record) -> str:
    """Return the table as plain text, `TEXT_WIDTH` columns wide."""
    console = Console(file=io.StringIO(), width=TEXT_WIDTH, color_system=None)
    with console.capture() as capture:
        console.print(build_run_table(record))
    return capture.get().rstrip("\n")


def render_run_html(record: Record) -> str:
    """Return the table as a block of HTML, with its text escaped."""
    console = Console(file=io.StringIO(), width=TEXT_WIDTH, record=True)
    console.print(build_run_table(record))
    return console.export_html(inline_styles=True, code_format=_HTML_BLOCK)


def _format_title(record: Record) -> str:
    method = record.method
    settings = "".join(f", {key}={value}" for key, value in method.overrides.items())
    return escape(
        f"{method.spec}{settings} ({method.scale}) on {record.dataset.spec}, seed {record.seed}"
    )


def _format_cells(score: ScoreRecord) -> list[str]:
    name = TASKS_INFO[score.task].primary
    primary = score.metrics[name]
    label = PRIMARY_LABELS.get(name)
    others = (score.metrics.get(key) for key in ("hit_rate_at_5", "hit_rate_at_10", "median_rank"))
    return [
        f"{score.task} {label}" if label else score.task,
        _format_candidates(score),
        _format_number(primary),
        _format_interval(primary),
        DASH if primary.chance is None else f"{primary.chance:.1f}",
        *(_format_number(metric) for metric in others),
        str(score.num_queries),
    ]


def _format_candidates(score: ScoreRecord) -> str:
    largest = score.candidate_range[1]
    if score.task in RECOGNITION_TASKS:
        return f"{largest} classes"
    return f"gallery/{largest}" if score.policy == "gallery" else str(score.policy)


def _format_interval(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return DASH
    return f"{metric.low:.1f}-{metric.high:.1f}"


def _format_number(metric: Metric | None) -> str:
    return DASH if metric is None else f"{metric.value:.1f}"


def _format_caption(record: Record) -> str:
    counts, selection = record.counts, record.checkpoint_selection
    training = (
        f"Epoch {selection.epoch} was chosen on split {selection.split}"
        if selection
        else "Nothing was trained"
    )
    audio = f"{counts.num_silent} silent, {counts.num_without_track} without an audio track"
    if counts.num_skipped:
        audio += f", {counts.num_skipped} skipped"
    if record.captions and record.captions.num_missing:
        audio += f"; {record.captions.num_missing} texts without a sound caption"
    total = sum(record.seconds.values())
    return (
        f"Scores in %: R@1 for retrieval, top-1 for recognition, or the named metric. Tie rule: "
        f"{record.scores[0].tie_rule}.\n{training}. Clips: {audio}. {total:.1f} s."
    )
