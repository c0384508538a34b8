"""`egoexobench data inspect`."""

from __future__ import annotations

import math
from pathlib import Path

import click

from egoexobench.cli.figure_options import check_png_name
from egoexobench.method import COMPACT_DEFAULTS
from egoexobench.terminal import show_text


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--start",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Start of the span, s.",
)
@click.option(
    "--end", type=click.FloatRange(min=0, min_open=True), help="End of the span, s.  [end of FILE]"
)
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    default=COMPACT_DEFAULTS.num_frames,
    show_default=True,
    help="Frames to read.",
)
@click.option(
    "--sampling",
    metavar="RULE",
    default=COMPACT_DEFAULTS.frame_sampling,
    show_default=True,
    help="Rule that picks the frames.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="SHEET.png",
    help="Draw the frames with their times above the waveform.",
)
def inspect_command(
    file: Path,
    start: float,
    end: float | None,
    frames: int,
    sampling: str,
    as_json: bool,
    out: Path | None,
) -> None:
    """Show what a run reads of a media FILE: its tracks, and the frames and sound of a span.

    The span is decoded by the code of a run. Times are seconds after the start of the file. The
    exit code is 1 if a run cannot use the span.
    """
    from egoexobench.data.doctor.inspect_span import inspect_span
    from egoexobench.data.doctor.span_report import format_inspection
    from egoexobench.errors import DataError, UsageError

    for option, seconds in (("--start", start), ("--end", end)):
        if seconds is not None and not math.isfinite(seconds):
            raise UsageError(f"{option} is {seconds:g}; expected a number of seconds")
    if end is not None and end <= start:
        raise UsageError(f"the span {start:g}-{end:g} s is empty: --end must be above --start")
    if out:
        check_png_name(out)
    report, decoded = inspect_span(str(file), start, end, num_frames=frames, sampling=sampling)
    show_text(report.model_dump_json(indent=1) if as_json else "\n".join(format_inspection(report)))
    if decoded is None:
        reason = report.problem.reason if report.problem else ""
        raise DataError(f"a run cannot use this span: {reason}")
    if out is not None:
        from egoexobench.figures.sheet import write_sheet

        write_sheet(out, report, decoded)
        show_text(f"wrote {out}", is_error=as_json)
