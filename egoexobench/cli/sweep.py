"""`egoexobench sweep`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from egoexobench.cli.common_options import (
    JSON_OPTION,
    ON_INTERRUPT_OPTION,
    TRACK_OPTION,
    check_interrupt_option,
)
from egoexobench.cli.completion import complete_parts
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.sweep_file import SweepFile, complete_sweep_file
from egoexobench.cli.typed_options import is_typed, iter_typed
from egoexobench.errors import DataError, UsageError
from egoexobench.files import check_writable
from egoexobench.terminal import show_renderable, show_text
from egoexobench.types import MAX_SEED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from egoexobench.launchers.jobs import OnInterrupt
    from egoexobench.registry import Registry
    from egoexobench.sweep.execute import StatusByCell
    from egoexobench.sweep.launched_cell import CellLauncher
    from egoexobench.sweep.plan import SweepCell, SweepPlan
    from egoexobench.sweep.process import ChildRunArgs


_PLACING = frozenset({"launcher", "on_interrupt", "table", "as_json"})


@click.command("sweep")
@click.argument(
    "files", nargs=-1, required=True, type=SweepFile(), shell_complete=complete_sweep_file
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="runs",
    show_default=True,
    help="Folder of the records.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of runs at once.",
)
@click.option(
    "--on",
    "launcher",
    metavar="NAME[:KEY=VALUE,...]",
    shell_complete=complete_parts("launcher"),
    help="Let a launcher place the runs on GPUs or machines, see `list launcher`.",
)
@ON_INTERRUPT_OPTION
@click.option("--cell", "cell_key", hidden=True)
@click.option("--seeds", metavar="0,1,...", help="Seeds, instead of those of the file.")
@click.option(
    "--dataset",
    metavar="NAME[:KEY=VALUE,...]",
    shell_complete=complete_parts("dataset"),
    help="Data set, instead of the first one of the file.",
)
@click.option(
    "--train-on",
    metavar="NAME[:KEY=VALUE,...]",
    shell_complete=complete_parts("dataset"),
    help="Training set of transfer rows (marked *).",
)
@click.option(
    "--missing-audio",
    type=click.Choice(["error", "skip", "mask"]),
    default="error",
    show_default=True,
    help="As for `run`.",
)
@click.option("--allow-missing", is_flag=True, help="As for `run`.")
@click.option("--allow-overlap", is_flag=True, help="As for `run`.")
@click.option("--device", default="cpu", show_default=True, help="As for `run`.")
@click.option("--no-embeddings", is_flag=True, help="As for `run`.")
@TRACK_OPTION
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    help="File, or folder for a file each, to write the table to instead of printing it.",
)
@click.option("--dry-run", is_flag=True, help="List the runs and do not start them.")
@JSON_OPTION
@click.pass_context
def sweep_command(
    ctx: click.Context,
    files: tuple[Path, ...],
    out: Path,
    jobs: int,
    launcher: str | None,
    on_interrupt: OnInterrupt,
    cell_key: str | None,
    seeds: str | None,
    dataset: str | None,
    train_on: str | None,
    missing_audio: Literal["error", "skip", "mask"],
    allow_missing: bool,
    allow_overlap: bool,
    device: str,
    no_embeddings: bool,
    trackers: tuple[str, ...],
    table: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run methods on data sets with several seeds, and write the results as a paper's table.

    FILES are TOML files, or names of sweeps that come with the toolkit: table1 to table6 are those
    of the paper. Runs shared by several files are done once. Runs with a record in OUT are skipped,
    unless code or a library changed since then, so you can repeat the command after an
    interruption. A run that fails does not stop the others; the exit code is then 1.
    """
    from egoexobench.sweep.launched_cell import hash_run_key
    from egoexobench.sweep.plan import SweepOverrides, deduplicate_cells, expand_sweep
    from egoexobench.sweep.process import ChildRunArgs, replace_by_run
    from egoexobench.sweep.schema import read_sweep

    parts = load_registry(ctx)
    cell_launcher = _create_cell_launcher(ctx, parts, launcher, on_interrupt)
    pages = _choose_page_paths(table, files)
    overrides = SweepOverrides(
        seeds=_parse_seeds(seeds), dataset=dataset, train_on=train_on, missing_audio=missing_audio
    )
    plans = {path: expand_sweep(read_sweep(path), overrides, parts) for path in files}
    cells = deduplicate_cells(plans.values())
    if dry_run:
        _print_plan(cells, plans, out, as_json=as_json)
        return
    for path in pages.values():
        check_writable(path)
    _check_trackers(trackers, parts)
    flags = {
        "--allow-missing": allow_missing,
        "--allow-overlap": allow_overlap,
        "--no-embeddings": no_embeddings,
    }
    options = ("--device", device, *(flag for flag, is_set in flags.items() if is_set))
    options += tuple(argument for text in trackers for argument in ("--track", text))
    args = ChildRunArgs(blocked_plugins=tuple(ctx.obj or ()), options=options)
    if cell_key is not None:
        by_key = {hash_run_key(cell): cell for cell in cells}
        if cell_key not in by_key:
            raise DataError(f"the sweep has no run {cell_key}: its files or data sets have changed")
        replace_by_run(by_key[cell_key], out, args)
        return
    if cell_launcher is not None:
        jobs = max(1, len(cells))  # the launcher says how many run at once
    status = _run_cells(cells, out, jobs, args=args, launcher=cell_launcher)
    _write_tables(plans, pages, out, status, as_json=as_json)
    if as_json:
        _print_report(cells, plans, out=out, status=status, tables=pages.values())
    num_failed = sum(cell.state == "failed" for cell in status.values())
    if num_failed:
        raise DataError(
            f"{num_failed} of {len(status)} runs failed; repeat the command to run them again"
        )


def _create_cell_launcher(
    ctx: click.Context, registry: Registry, spec: str | None, on_interrupt: OnInterrupt
) -> CellLauncher | None:
    check_interrupt_option(spec, on_interrupt)
    if spec is None:
        return None
    from egoexobench.launchers.jobs import create_launcher
    from egoexobench.sweep.launched_cell import CellLauncher

    if is_typed(ctx, "jobs"):
        raise UsageError(f"--on cannot be used with --jobs: write --on {spec}, with its at_once")
    launcher = create_launcher(registry, spec, on_interrupt)
    return CellLauncher(launcher, tuple(iter_typed(ctx, _PLACING)), on_interrupt)


def _check_trackers(texts: Sequence[str], registry: Registry) -> None:
    """Show here what no tracker can do; the runs are other processes, whose lines nobody reads."""
    if texts:
        from egoexobench.spec import Spec
        from egoexobench.tracking import open_trackers

        open_trackers(map(Spec.parse, texts), registry)


def _parse_seeds(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    seeds = [seed.strip() for seed in text.split(",")]
    if not all(seed.isdecimal() for seed in seeds) or len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds takes different whole numbers such as 0,1,2, not {text!r}")
    if max(map(int, seeds)) > MAX_SEED:
        raise UsageError(f"--seeds {text} is not valid: the largest seed is {MAX_SEED}")
    return tuple(int(seed) for seed in seeds)


def _choose_page_paths(table: Path | None, files: Sequence[Path]) -> dict[Path, Path]:
    """The file of each sweep's table; empty if the tables are printed."""
    if table is None:
        return {}
    if len(files) == 1 and table.suffix == ".md":
        return {files[0]: table}
    if table.suffix == ".md" or len({path.stem for path in files}) < len(files):
        raise UsageError(f"--table {table} is one file for {len(files)} tables; give a folder")
    return {path: table / f"{path.stem}.md" for path in files}


def _print_plan(
    cells: Sequence[SweepCell], plans: Mapping[Path, SweepPlan], out: Path, *, as_json: bool
) -> None:
    from egoexobench.sweep.execute import get_initial_status
    from egoexobench.sweep.record_index import index_records
    from egoexobench.sweep.status_view import render_status

    status = get_initial_status(cells, index_records(out))
    if as_json:
        _print_report(cells, plans, out=out, status=status)
        return
    show_renderable(render_status(cells, status))
    for path, plan in plans.items():
        reasons = {row: reason for (row, _), reason in plan.unavailable.items()}
        for row, reason in reasons.items():
            show_text(f"{path.name}: {row}: {reason}")


def _print_report(
    cells: Sequence[SweepCell],
    plans: Mapping[Path, SweepPlan],
    *,
    out: Path,
    status: StatusByCell,
    tables: Iterable[Path] = (),
) -> None:
    from egoexobench.cli.sweep_json import make_sweep_report
    from egoexobench.sweep.record_index import index_records

    index = index_records(out)
    report = make_sweep_report(cells, plans, status=status, index=index, tables=tables)
    show_text(report.model_dump_json(indent=2))


def _run_cells(
    cells: Sequence[SweepCell],
    out: Path,
    jobs: int,
    *,
    args: ChildRunArgs,
    launcher: CellLauncher | None,
) -> StatusByCell:
    from egoexobench.sweep.execute import run_cells
    from egoexobench.sweep.status_view import LineReporter, LiveTable

    if not sys.stderr.isatty():
        return run_cells(cells, out, jobs, report=LineReporter(cells), args=args, launcher=launcher)
    live_table = LiveTable(cells)
    with live_table.live():
        return run_cells(cells, out, jobs, report=live_table, args=args, launcher=launcher)


def _write_tables(
    plans: Mapping[Path, SweepPlan],
    pages: Mapping[Path, Path],
    out: Path,
    status: StatusByCell,
    *,
    as_json: bool,
) -> None:
    """Write each table to its file; without a file it is printed, if nothing else is."""
    from egoexobench.files import write_text_atomic
    from egoexobench.sweep.page import render_sweep_page
    from egoexobench.sweep.record_index import index_records

    index = index_records(out)
    for path, plan in plans.items():
        text = render_sweep_page(path, plan, index, status)
        if path in pages:
            write_text_atomic(pages[path], text)
        if not as_json:
            show_text(pages.get(path, text))
