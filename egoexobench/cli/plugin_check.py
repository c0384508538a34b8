"""`egoexobench plugin check`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.terminal import show_renderable, show_text

if TYPE_CHECKING:
    from rich.table import Table

    from egoexobench.plugin_check.report import CheckReport

TABLE_WIDTH = 110
"""Columns that the table needs."""


@click.command("check")
@click.argument("target", metavar="[NAME|PATH]", required=False)
@click.option("--strict", is_flag=True, help="Fail if a part was not checked.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON and nothing else.")
@click.pass_context
def check_command(ctx: click.Context, target: str | None, strict: bool, as_json: bool) -> None:
    """Check the parts of a distribution NAME, of a folder PATH, or all that are installed.

    A folder need not be installed; its own tests are run, too. Each part is created with the
    example of its plug-in, or with its defaults. Its contract is checked, and it takes part in a
    tiny run and in the audit of it. Exit code 1 means that a check failed, or that nothing could be
    checked; see docs/plugin-contract.md.
    """
    source = Path(target) if target and _is_path(target) else None
    name = target
    if source is not None:
        from egoexobench.plugin_check.source_folder import open_source_folder

        name = ctx.with_resource(open_source_folder(source))
    registry = load_registry(ctx)
    from egoexobench.plugin_check.check import check_plugins

    progress = create_progress(is_quiet=as_json)
    report = check_plugins(registry, progress, name=name, source=source)
    if as_json:
        show_text(report.model_dump_json(indent=2))
    else:
        _print_report(report)
    ctx.exit(0 if report.is_passed(is_strict=strict) else 1)


def _is_path(target: str) -> bool:
    """Whether a folder is meant, and not an installed distribution of that name."""
    return os.sep in target or target.startswith(".") or Path(target, "pyproject.toml").is_file()


def _print_report(report: CheckReport) -> None:
    for result in report.results:
        if result.state == "failed":
            show_text(f"FAILS  {result.label}, {result.check}: {result.reason}")
        elif result.state == "not checked":
            show_text(f"not checked  {result.label}, {result.check}: {result.reason}")
    show_renderable(_build_table(report), min_width=TABLE_WIDTH)
    show_text(
        f"Parts: {report.num_parts}, of which {len(report.list_unchecked())} were not checked. "
        f"Failed checks: {len(report.list_failures())}."
    )


def _build_table(report: CheckReport) -> Table:
    from rich import box
    from rich.table import Table

    from egoexobench.plugin_check.report import CHECK_NAMES

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in ("distribution", "part", *CHECK_NAMES):
        table.add_column(column, no_wrap=column != "distribution")
    table.add_column("s", justify="right", no_wrap=True)
    rows: dict[tuple[str, str], dict[str, str]] = {}
    seconds: dict[tuple[str, str], float] = {}
    for result in report.results:
        key = result.distribution, f"{result.kind} {result.name}".strip()
        rows.setdefault(key, {})[result.check] = result.state
        seconds[key] = seconds.get(key, 0.0) + result.seconds
    for key, states in rows.items():
        cells = (states.get(check, "–") for check in CHECK_NAMES)
        table.add_row(*key, *cells, f"{seconds[key]:.1f}")
    return table
