"""`egoexobench sanity`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from egoexobench.cli.plugins import registry

if TYPE_CHECKING:
    from rich.table import Table

    from egoexobench.records.schema import ScoreRecord
    from egoexobench.records.shortcut_report import ShortcutReport

WIDTH = 100
"""Columns that the table needs; a pipe is taken to have them."""
NOTE = (
    "Top-1 in %, no method, no training. * its 95 % interval lies above chance.\n"
    "duration, loudness and synchrony (GCC-PHAT) read the media, as a method may. scene and "
    "narration read the\nannotation, which no method is handed: they say what a leak of it would "
    "be worth."
)


@click.command("sanity")
@click.option(
    "--dataset",
    default="synthetic",
    show_default=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="See `list dataset`.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.pass_context
def command(ctx: click.Context, dataset: str, seed: int, as_json: bool) -> None:
    """Score guessing, knowing the answers, and shortcuts on every retrieval track.

    A method that does not beat the shortcuts has not shown that it learnt anything else.
    """
    found = registry(ctx)
    from egoexobench.progress import NullProgress, RichProgress
    from egoexobench.shortcuts.run import score_dataset_shortcuts
    from egoexobench.spec import Spec

    quiet = as_json or not sys.stderr.isatty()
    rows = score_dataset_shortcuts(
        Spec.parse(dataset), seed, found, NullProgress() if quiet else RichProgress()
    )
    if as_json:
        click.echo(rows.model_dump_json(indent=2))
        return
    from rich.console import Console

    console = Console()
    console.width = max(console.width, WIDTH)
    console.print(_table(rows))
    console.print(NOTE, highlight=False, soft_wrap=True)
    if rows.num_without_audio:
        console.print(f"{rows.num_without_audio} clips have no audio: their queries are skipped.")
    for name, reason in rows.unavailable.items():
        console.print(f"{name} is not computed: {reason}", highlight=False, soft_wrap=True)


def _table(rows: ShortcutReport) -> Table:
    from rich import box
    from rich.table import Table

    made = Table(
        title=f"{rows.dataset.spec}, split test",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    made.add_column("track", no_wrap=True)
    for name in ("n", *(row.name for row in rows.rows)):
        made.add_column(name, justify="right", no_wrap=True)
    scores = {row.name: {score.key: score for score in row.scores} for row in rows.rows}
    for key, chance in scores["chance"].items():
        cells = (_cell(scores[row.name].get(key)) for row in rows.rows)
        made.add_row(key.label, str(chance.num_queries), *cells)
    return made


def _cell(score: ScoreRecord | None) -> str:
    if score is None:
        return "–"
    top = score.metrics["hit_rate_at_1"]
    sure = top.low is not None and top.chance is not None and top.low > top.chance
    return f"{top.value:.1f}{'*' if sure else ' '}"
