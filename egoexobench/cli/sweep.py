"""`egoexobench sweep`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from egoexobench.cli.plugins import registry
from egoexobench.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from egoexobench.sweep.execute import StatusByCell
    from egoexobench.sweep.plan import SweepCell, SweepPlan

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended."""


@click.command("sweep")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--out", type=click.Path(path_type=Path), default="runs", show_default=True)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--seeds", metavar="0,1,...", help="Instead of those of the file.")
@click.option("--dataset", metavar="NAME[:KEY=VALUE,...]", help="Instead of the file's first.")
@click.option("--train-on", metavar="NAME[:KEY=VALUE,...]", help="For rows with an asterisk.")
@click.option(
    "--missing-audio",
    type=click.Choice(["error", "skip", "mask"]),
    default="error",
    show_default=True,
)
@click.option("--allow-missing", is_flag=True, help="As for `run`.")
@click.option("--device", default="cpu", show_default=True, help="As for `run`.")
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    help="File, or folder for a file each, to write the table to instead of printing it.",
)
@click.option("--dry-run", is_flag=True, help="Say what would run, and run nothing.")
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[Path, ...],
    out: Path,
    jobs: int,
    seeds: str | None,
    dataset: str | None,
    train_on: str | None,
    missing_audio: Literal["error", "skip", "mask"],
    allow_missing: bool,
    device: str,
    table: Path | None,
    dry_run: bool,
) -> None:
    """Run a grid of methods, data sets and seeds, and lay it out as a paper's table.

    FILES are TOML files such as leaderboards/sweeps/table4.toml; what they have in common runs
    once. What OUT holds a record of is skipped, so the same command goes on after a kill. Exits
    with 1 if a cell failed; the others run all the same.
    """
    parts = registry(ctx)
    from egoexobench.sweep import plan
    from egoexobench.sweep.schema import read_sweep

    pages = _pages(table, files)
    asked = plan.SweepOverrides(_seeds(seeds), dataset, train_on, missing_audio)
    plans = {path: plan.expand_sweep(read_sweep(path), asked, parts) for path in files}
    cells = plan.deduplicate_cells(plans.values())
    if dry_run:
        _plan(cells, plans, out)
        return
    words = ("--device", device, *(["--allow-missing"] if allow_missing else []))
    told = _run(ctx, cells, out, jobs, words)
    _tables(plans, pages, out, told)
    if failed := [key for key, one in told.items() if one.state == "failed"]:
        raise DataError(f"{len(failed)} of {len(told)} cells failed; the same command tries again")


def _seeds(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words) or len(set(words)) < len(words):
        raise UsageError(f"--seeds takes different whole numbers such as 0,1,2, not {text!r}")
    return tuple(int(word) for word in words)


def _pages(table: Path | None, files: Sequence[Path]) -> dict[Path, Path]:
    """Where each sweep's table goes; empty if it is printed."""
    if table is None:
        return {}
    if len(files) == 1 and table.suffix == ".md":
        return {files[0]: table}
    if table.suffix == ".md" or len({path.stem for path in files}) < len(files):
        raise UsageError(f"--table {table} is one file for {len(files)} tables; give a folder")
    return {path: table / f"{path.stem}.md" for path in files}


def _plan(cells: Sequence[SweepCell], plans: Mapping[Path, SweepPlan], out: Path) -> None:
    from rich.console import Console

    from egoexobench.sweep.execute import initial_status
    from egoexobench.sweep.record_index import index_records
    from egoexobench.sweep.status_view import status_table

    console = Console()
    console.print(status_table(cells, initial_status(cells, index_records(out))))
    for path, one in plans.items():
        for row, why in {row: why for (row, _), why in one.absent.items()}.items():
            console.print(f"{path.name}: {row}: {why}", highlight=False, markup=False)


def _run(
    ctx: click.Context, cells: Sequence[SweepCell], out: Path, jobs: int, words: tuple[str, ...]
) -> StatusByCell:
    from egoexobench.sweep.execute import run_cells
    from egoexobench.sweep.process import ChildRunArgs
    from egoexobench.sweep.status_view import LineReporter, LiveTable

    more = ChildRunArgs(tuple(ctx.obj or ()), words)
    try:
        if not sys.stderr.isatty():
            return run_cells(cells, out, jobs, LineReporter(cells), more)
        screen = LiveTable(cells)
        with screen.live():
            return run_cells(cells, out, jobs, screen, more)
    except KeyboardInterrupt:
        click.echo("egoexobench: interrupted; records stay, the same command goes on", err=True)
        ctx.exit(INTERRUPTED)


def _tables(
    plans: Mapping[Path, SweepPlan], pages: Mapping[Path, Path], out: Path, told: StatusByCell
) -> None:
    from egoexobench.files import write_text_atomic
    from egoexobench.sweep.page import render_sweep_page
    from egoexobench.sweep.record_index import index_records

    known = index_records(out)
    for path, one in plans.items():
        made = render_sweep_page(path, one, known, told)
        if path not in pages:
            click.echo(made)
            continue
        write_text_atomic(pages[path], made)
        click.echo(pages[path])
