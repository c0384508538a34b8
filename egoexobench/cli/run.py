"""`egoexobench run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from egoexobench.cli.plugins import registry
from egoexobench.cli.settings import pairs, setting_options
from egoexobench.values import TASKS

if TYPE_CHECKING:
    from egoexobench.run import Outcome


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
    dataset: str,
    tasks: tuple[str, ...],
    scale: str,
    seed: int,
    settings: tuple[str, ...],
    missing_audio: Literal["error", "skip", "mask"],
    out: Path,
    as_json: bool,
) -> None:
    """Train a method, score it, and write the record of the run."""
    parts = registry(ctx)
    from egoexobench.progress import Bars, Silent
    from egoexobench.run import run
    from egoexobench.run.request import Request

    request = Request(
        method=method,
        dataset=dataset,
        tasks=TASKS if not tasks or "all" in tasks else tuple(t for t in TASKS if t in tasks),
        scale=scale,
        seed=seed,
        settings=pairs(settings),
        missing_audio=missing_audio,
        out=out,
        command=tuple(sys.argv[1:]),
    )
    quiet = as_json or not sys.stderr.isatty()
    outcome = run(request, parts, Silent() if quiet else Bars())
    if as_json:
        click.echo(outcome.record.model_dump_json(indent=2))
        return
    _show(outcome)


def _show(outcome: Outcome) -> None:
    from rich.console import Console

    from egoexobench.cli.table import table

    console = Console()
    console.print(table(outcome.record))
    for task, why in outcome.unscored.items():
        console.print(f"{task} is not scored: {why}", highlight=False)
    console.print(f"Record: {outcome.path}", highlight=False, soft_wrap=True)
