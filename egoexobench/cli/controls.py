"""`egoexobench controls`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egoexobench.cli.completion import complete_parts
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.cli.training_options import TrainingOptions, add_training_options, list_typed
from egoexobench.errors import UsageError
from egoexobench.terminal import show_renderable, show_text
from egoexobench.types import RETRIEVAL_TASKS

if TYPE_CHECKING:
    from rich.table import Table

    from egoexobench.records.control_report import ControlReport
    from egoexobench.records.schema import ScoreRecord
    from egoexobench.types import Task

WIDTH = 104
"""Columns of text that the table needs; output to a pipe has this width."""
NOTE = (
    "R@1 in %, with the weights of the run. *: the 95 % interval is above chance. swapped: from "
    "clips of another\ntake, the pictures of both views of different takes. two sounds: compared "
    "by GCC-PHAT, without the method.\nWhat is synchronous sound falls if the exo sound is "
    "swapped; what is picture alone does not move with the sound."
)


@click.command("controls")
@click.argument("method", required=False, shell_complete=complete_parts("method"))
@click.option(
    "--from",
    "recorded",
    type=click.Path(exists=True, path_type=Path),
    metavar="RECORD",
    help="Score the run of this record again.",
)
@add_training_options
@click.option(
    "--task",
    "tasks",
    type=click.Choice(RETRIEVAL_TASKS),
    multiple=True,
    help="Task; may be repeated.  [all of retrieval]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.pass_context
def controls_command(
    ctx: click.Context,
    method: str | None,
    recorded: Path | None,
    tasks: tuple[Task, ...],
    as_json: bool,
    options: TrainingOptions,
) -> None:
    """Score METHOD without the sound of one view, and with inputs of other takes.

    Trains the method as `run` does, or loads its cached weights. Synchronous cameras record the
    same sound, so that it alone can say which clips belong together; see docs/evidence.md.
    """
    if method is None and recorded is None:
        raise UsageError("name a METHOD, or a record with --from RECORD")
    registry = load_registry(ctx)
    from egoexobench.audit.sound_controls import score_controls
    from egoexobench.experiment.context import RunContext
    from egoexobench.experiment.recorded_config import find_only_record
    from egoexobench.experiment.rerun import prepare_rerun

    context = RunContext(registry, create_progress(is_quiet=as_json))
    if recorded is not None:
        changes = options.to_changes(method, tasks or None, list_typed(ctx))
        config = prepare_rerun(find_only_record(recorded), changes, context)
    else:
        assert method is not None  # noqa: S101 - checked above
        config = options.to_run_config(method, tasks or RETRIEVAL_TASKS)
    report = score_controls(config, context)
    if as_json:
        show_text(report.model_dump_json(indent=2))
        return
    show_renderable(_build_table(report), min_width=WIDTH)
    show_text(NOTE)
    for line in _list_notes(report):
        show_text(line)


def _build_table(report: ControlReport) -> Table:
    from rich import box
    from rich.table import Table

    from egoexobench.results.run_table import format_run_title

    table = Table(
        title=format_run_title(report.method, report.dataset, report.seed),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("track", no_wrap=True)
    for name in ("n", "chance", *(item.name for item in report.controls), "two sounds"):
        table.add_column(name, justify="right")
    columns = [{score.key: score for score in item.scores} for item in report.controls]
    columns.append({score.key: score for score in report.synchrony})
    for key, score in columns[0].items():
        chance = score.metrics["hit_rate_at_1"].chance
        cells = (_format_cell(column.get(key)) for column in columns)
        table.add_row(
            key.label, str(score.num_queries), f"{chance:.1f} " if chance else "–", *cells
        )
    return table


def _format_cell(score: ScoreRecord | None) -> str:
    if score is None:
        return "– "
    metric = score.metrics["hit_rate_at_1"]
    low, chance = metric.low, metric.chance
    is_above = low is not None and chance is not None and low > chance
    return f"{metric.value:.1f}{'*' if is_above else ' '}"


def _list_notes(report: ControlReport) -> list[str]:
    notes = []
    if report.num_without_sound:
        notes.append(f"{report.num_without_sound} test clips have no sound, in every column.")
    unread = [item.name for item in report.controls[1:] if not item.num_changed]
    if unread:
        notes.append(f"Not read by the method, or in no clip: what {', '.join(unread)} changes.")
    return notes
