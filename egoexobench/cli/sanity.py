"""`egoexobench sanity`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from egoexobench.cli.common_options import DATASET_OPTION
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.terminal import show_renderable, show_text

if TYPE_CHECKING:
    from rich.table import Table

    from egoexobench.records.schema import ScoreRecord
    from egoexobench.records.shortcut_report import ShortcutReport

WIDTH = 100
"""Columns of text that the table needs; output to a pipe has this width."""
NOTE = (
    "R@1 in %, without a method and without training. *: the 95 % interval is above chance.\n"
    "duration, loudness and synchrony (GCC-PHAT) read the media, as a method does. scene and "
    "narration read the\nannotation, which no method is given: they show what a leak of it would "
    "be worth."
)


@click.command("sanity")
@DATASET_OPTION
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of the intervals.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.pass_context
def sanity_command(ctx: click.Context, dataset: str, seed: int, as_json: bool) -> None:
    """Score chance, oracle and shortcut baselines on every retrieval track.

    A method that is not better than the shortcuts has not shown that it learned anything else.
    """
    registry = load_registry(ctx)
    from egoexobench.shortcuts.run import score_dataset_shortcuts
    from egoexobench.spec import Spec

    progress = create_progress(is_quiet=as_json)
    report = score_dataset_shortcuts(Spec.parse(dataset), seed, registry, progress)
    if as_json:
        show_text(report.model_dump_json(indent=2))
        return
    show_renderable(_build_table(report), min_width=WIDTH)
    show_text(NOTE)
    if report.num_without_audio:
        show_text(f"{report.num_without_audio} clips have no audio: their queries are skipped.")
    for name, reason in report.unavailable.items():
        show_text(f"{name} is not computed: {reason}")


def _build_table(report: ShortcutReport) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        title=f"{report.dataset.spec}, split test",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("track", no_wrap=True)
    for name in ("n", *(row.name for row in report.rows)):
        table.add_column(name, justify="right", no_wrap=True)
    scores = {row.name: {score.key: score for score in row.scores} for row in report.rows}
    for key, chance in scores["chance"].items():
        cells = (_format_cell(scores[row.name].get(key)) for row in report.rows)
        table.add_row(key.label, str(chance.num_queries), *cells)
    return table


def _format_cell(score: ScoreRecord | None) -> str:
    if score is None:
        return "–"
    metric = score.metrics["hit_rate_at_1"]
    low, chance = metric.low, metric.chance
    is_above = low is not None and chance is not None and low > chance
    return f"{metric.value:.1f}{'*' if is_above else ' '}"
