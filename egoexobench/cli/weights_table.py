"""Tables of published checkpoints, and of what one holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from egoexobench.checkpoints.catalogue import parse_md5_prefix
from egoexobench.checkpoints.check import CheckpointReport
from egoexobench.checkpoints.release import PublishedCheckpoint

WIDTH = 116
"""Columns that a table needs; a pipe is taken to have them."""
UNKNOWN = "unknown"


def overview(methods: Mapping[str, Sequence[PublishedCheckpoint]]) -> None:
    """Print a line a file."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("file, and where it is", overflow="fold")
    table.add_column("licence", no_wrap=True)
    table.add_column("MD5 starts", no_wrap=True)
    for method, releases in methods.items():
        table.add_row(Text(method, style="bold"))
        for one in releases:
            where = Text(f"\n    {one.source or UNKNOWN}", style="dim")
            cells = (one.license or UNKNOWN, parse_md5_prefix(one.file) or UNKNOWN)
            table.add_row(Text(f"  {one.file}") + where, *cells)
    console = _console()
    console.print(table)
    console.print("`weights list METHOD` says more of each: heads, parts, notes.")


def detail(release: PublishedCheckpoint) -> None:
    """Print everything that is known of a file."""
    table = _plain()
    md5 = parse_md5_prefix(release.file)
    rows = {
        "file": release.file,
        "where": release.source or UNKNOWN,
        "licence": release.license or UNKNOWN,
        "checksum": f"MD5 starts with {md5}, as the name says" if md5 else UNKNOWN,
        "heads": release.heads,
        "parts": "\n".join(one.spec for one in release.consumers),
        "note": release.note,
    }
    for name, text in rows.items():
        if text:
            table.add_row(Text(name, style="dim"), Text(text))
    _console().print(table)


def verdict(
    file: Path,
    method: str | None,
    tried: int,
    release: PublishedCheckpoint,
    report: CheckpointReport,
) -> None:
    """Print what a file holds, which parts it fits, and whether that is all."""
    console = _console()
    half = f", {report.num_half} of them half precision (read as single)" if report.num_half else ""
    beside = f"; beside them {', '.join(report.metadata_keys)}" if report.metadata_keys else ""
    told = f"{file.name}: {report.num_tensors} tensors, {report.num_values:,} values{half}{beside}"
    console.print(Text(told), soft_wrap=True)
    table, specs = _plain(), [one.spec for one in release.consumers]
    for spec in specs:
        fault = report.faults.get(spec)
        mark = Text("no", style="red") if fault else Text("fits", style="green")
        table.add_row(mark, Text(spec + (f"\n{fault}" if fault else "")))
    for name in report.faults.keys() - set(specs):
        table.add_row(Text("no", style="red"), Text(f"{name}\n{report.faults[name]}"))
    console.print(table)
    if report.md5_prefix and "checksum" not in report.faults:
        console.print(f"Checksum: MD5 starts with {report.md5_prefix}, as the name says.")
    if report.ignored_keys:
        console.print(Text(f"Left alone, as is known: {', '.join(report.ignored_keys)}."))
    if release.heads:
        console.print(Text(f"Attention heads: {release.heads}. No shape shows them."))
    which = method or "the parts"
    nearest = f"; the nearest of {tried} published is {release.file}" if tried > 1 else ""
    fits = f"It does not fit {which}{nearest}." if report.faults else f"It fits {which}."
    console.print(Text(fits), soft_wrap=True)


def _plain() -> Table:
    table = Table(box=box.SIMPLE, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _console() -> Console:
    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)
    return console
