"""Tables of published checkpoints and of the check of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from egoexobench.checkpoints.catalogue import parse_md5_prefix
from egoexobench.checkpoints.check import CheckpointReport
from egoexobench.checkpoints.release import PublishedCheckpoint
from egoexobench.terminal import show_renderable, show_text

WIDTH = 116
"""Columns of text that a table needs; output to a pipe has this width."""
UNKNOWN = "unknown"


def print_checkpoint_list(methods: Mapping[str, Sequence[PublishedCheckpoint]]) -> None:
    """Print one row per file."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("file and location", overflow="fold")
    table.add_column("license", no_wrap=True)
    table.add_column("MD5 starts", no_wrap=True)
    for method, releases in methods.items():
        table.add_row(Text(method, style="bold"))
        for release in releases:
            location = Text(f"\n    {release.source or UNKNOWN}", style="dim")
            cells = (release.license or UNKNOWN, parse_md5_prefix(release.file) or UNKNOWN)
            table.add_row(Text(f"  {release.file}") + location, *cells)
    show_renderable(table, min_width=WIDTH)
    show_text("`weights list METHOD` shows the details: heads, parts, notes.")


def print_checkpoint(release: PublishedCheckpoint) -> None:
    """Print the details of a published file."""
    table = _create_table()
    md5 = parse_md5_prefix(release.file)
    rows = {
        "file": release.file,
        "location": release.source or UNKNOWN,
        "license": release.license or UNKNOWN,
        "checksum": f"MD5 starts with {md5}, as in the file name" if md5 else UNKNOWN,
        "heads": release.heads,
        "parts": "\n".join(consumer.spec for consumer in release.consumers),
        "note": release.note,
    }
    for name, text in rows.items():
        if text:
            table.add_row(Text(name, style="dim"), Text(text))
    show_renderable(table, min_width=WIDTH)


def print_check_result(
    file: Path,
    method: str | None,
    num_releases: int,
    *,
    release: PublishedCheckpoint,
    report: CheckpointReport,
) -> None:
    """Print the contents of a file, the parts that it fits, and the result."""
    half = f", {report.num_half} of them half precision (read as single)" if report.num_half else ""
    metadata = f"; metadata: {', '.join(report.metadata_keys)}" if report.metadata_keys else ""
    counts = f"{report.num_tensors} tensors, {report.num_values:,} values{half}{metadata}"
    show_text(f"{file.name}: {counts}")
    table, specs = _create_table(), [consumer.spec for consumer in release.consumers]
    for spec in specs:
        fault = report.faults.get(spec)
        mark = Text("no", style="red") if fault else Text("fits", style="green")
        table.add_row(mark, spec + (f"\n{fault}" if fault else ""))
    for name in report.faults.keys() - set(specs):
        table.add_row(Text("no", style="red"), f"{name}\n{report.faults[name]}")
    show_renderable(table, min_width=WIDTH)
    if report.md5_prefix and "checksum" not in report.faults:
        show_text(f"Checksum: MD5 starts with {report.md5_prefix}, as in the file name.")
    if report.ignored_keys:
        show_text(f"Ignored, as expected: {', '.join(report.ignored_keys)}.")
    if release.heads:
        show_text(f"Attention heads: {release.heads}. They cannot be read from the shapes.")
    target = method or "the parts"
    nearest = f"; the nearest of {num_releases} published files is {release.file}"
    if report.faults:
        result = f"It does not fit {target}{nearest if num_releases > 1 else ''}."
    else:
        result = f"It fits {target}."
    show_text(result)


def _create_table() -> Table:
    table = Table(box=box.SIMPLE, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table
