"""`egoexobench run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egoexobench.cli.plugins import registry
from egoexobench.cli.settings import Settings, setting_options
from egoexobench.types import TASKS

if TYPE_CHECKING:
    from egoexobench.results.run_result import RunResult


@click.command("run")
@click.option("--method", required=True, metavar="NAME[:KEY=VALUE,...]", help="See `list method`.")
@setting_options
@click.option("--task", "tasks", type=click.Choice([*TASKS, "all"]), multiple=True, help="[all]")
@click.option("--out", type=click.Path(path_type=Path), default="runs", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the record and nothing else.")
@click.pass_context
def command(
    ctx: click.Context,
    method: str,
    tasks: tuple[str, ...],
    out: Path,
    as_json: bool,
    given: Settings,
) -> None:
    """Train a method, score it, and write the record of the run."""
    parts = registry(ctx)
    from egoexobench.experiment.context import RunContext
    from egoexobench.experiment.run import run_experiment
    from egoexobench.progress import NullProgress, RichProgress

    chosen = TASKS if not tasks or "all" in tasks else tuple(t for t in TASKS if t in tasks)
    request = given.request(method, chosen, out, tuple(sys.argv[1:]))
    quiet = as_json or not sys.stderr.isatty()
    context = RunContext(parts, NullProgress() if quiet else RichProgress())
    outcome = run_experiment(request, context)
    if as_json:
        click.echo(outcome.record.model_dump_json(indent=2))
        return
    _show(outcome)


def _show(outcome: RunResult) -> None:
    from rich.console import Console

    from egoexobench.results.run_table import build_run_table

    console = Console()
    console.print(build_run_table(outcome.record))
    for skipped in outcome.skipped_tasks:
        console.print(f"{skipped.task} is not scored: {skipped.reason}", highlight=False)
    if share := outcome.record.coverage:
        console.print(
            f"Used {share.num_used} of {share.num_clips} clips (subset {share.subset_hash}): "
            + ", ".join(f"{count} {reason}" for reason, count in share.num_excluded.items())
            + (f", {share.num_rejected} rows rejected" if share.num_rejected else ""),
            highlight=False,
            soft_wrap=True,
        )
    console.print(f"Record: {outcome.path}", highlight=False, soft_wrap=True)
