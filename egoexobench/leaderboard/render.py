"""A board of reproduced numbers as Markdown: rows, then chance, oracle and n, then footnotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard.collect import describe_differences
from egoexobench.leaderboard.markdown import DASH, bullet_list, escape_markdown, markdown_table
from egoexobench.leaderboard.table import row_label

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from egoexobench.leaderboard.reproduced import ReferenceLevels, ReproducedRow, ReproducedTrack
    from egoexobench.leaderboard.table import ResultTable, TableCell, TableColumn, TableRow

METRIC_LABELS = {
    "top1": "top-1",
    "top5": "top-5",
    "top10": "top-10",
    "recall5": "top-5 recall",
    "map": "mAP",
    "median_rank": "median rank",
    "mrr": "MRR",
}
DIGITS = {"%": 1, "rank": 1, "1": 3}
USUAL_VIDEO_INPUTS = {"video", "audio"}
EXTRA_INPUTS_NOTE = (
    "† declares more than picture and sound on the video side, so it knows what the others must "
    "find out; not to be ranked with them."
)

ANNOTATION_SHORTCUTS = ("scene", "narration")
"""Shortcuts that read the annotation, which no method is handed."""
ANNOTATION_SHORTCUT_NOTE = (
    "‡ reads the annotation, which no method is handed: what a leak of it would be worth. "
    "Duration, loudness and synchrony (GCC-PHAT) read the media and learn nothing."
)
TRANSFER_NOTE = "\\* trained on another data set than the one that is scored."


def render_table(board: ResultTable, *, tasks: bool = True) -> str:
    """Return the table of a board with its footnotes; headers name tasks unless told not to."""
    head = ["Method", "Evidence", "Scale", "Seeds", *_headers(board, tasks)]
    notes: list[str] = []
    rows = [_render_row(line, board, notes) for line in board.lines]
    rows += _reference_rows(board)
    foot = [f"({_letter(place)}) {note}" for place, note in enumerate(notes)]
    if any(uses_extra_inputs(line.group) for line in board.lines):
        foot.insert(0, EXTRA_INPUTS_NOTE)
    if any(line.group.trained_on for line in board.lines):
        foot.insert(0, TRANSFER_NOTE)
    if any(level.shortcuts for level in _column_levels(board)):
        foot.append(ANNOTATION_SHORTCUT_NOTE)
    return markdown_table(head, rows, words=3) + ("\n" + bullet_list(foot) if foot else "")


def uses_extra_inputs(group: ReproducedRow) -> bool:
    """Say whether a method's video embeddings are computed from more than picture and sound."""
    return not USUAL_VIDEO_INPUTS.issuperset(group.method.evidence.video)


def marked_row_label(group: ReproducedRow) -> str:
    """Return a row's name as Markdown, with its dagger."""
    return escape_markdown(row_label(group)) + (" †" if uses_extra_inputs(group) else "")


def inline_code(text: str) -> str:
    """Return text as inline code."""
    return f"`{text.replace('`', '')}`"


def seed_list(group: ReproducedRow) -> str:
    """Return the seeds of a row, such as ``0 1 2``."""
    return " ".join(str(seed) for seed in sorted({run.seed for run in group.runs}))


def format_number(value: float | None, unit: str) -> str:
    """Return a number at the precision of its unit; a dash where there is none."""
    return DASH if value is None else f"{value:.{DIGITS[unit]}f}"


def _headers(board: ResultTable, tasks: bool) -> Iterator[str]:
    for column, track in zip(board.columns, board.tracks, strict=True):
        unit = "%" if track.levels[column.metric].unit == "%" else ""
        words = (
            column.task if tasks else "",
            METRIC_LABELS.get(column.metric, column.metric),
            unit,
        )
        yield escape_markdown(" ".join(filter(None, words)))


def _render_row(line: TableRow, board: ResultTable, notes: list[str]) -> list[str]:
    method = line.group.method
    row = [
        marked_row_label(line.group),
        _format_inputs(line.group),
        method.scale,
        format_range({cell.seeds for cell in line.cells if cell}),
    ]
    for cell, column, track in zip(line.cells, board.columns, board.tracks, strict=True):
        text = _render_cell(cell, column)
        if cell and (remark := _cell_note(cell, track)):
            if remark not in notes:
                notes.append(remark)
            text += f" ({_letter(notes.index(remark))})"
        row.append(text)
    return row


def _render_cell(cell: TableCell | None, column: TableColumn) -> str:
    if cell is None:
        return DASH
    unit = cell.track.levels[column.metric].unit
    mean = format_number(cell.mean, unit)
    if cell.spread is not None:
        return f"{mean} ± {format_number(cell.spread, unit)}"
    if cell.low is not None and cell.high is not None:
        return f"{mean} \\[{format_number(cell.low, unit)}, {format_number(cell.high, unit)}\\]"
    return mean


def _cell_note(cell: TableCell, track: ReproducedTrack) -> str | None:
    if cell.track.fingerprint != track.fingerprint:
        where = escape_markdown(describe_differences(track, cell.track))
        return f"another protocol, not comparable with its column: tracks {where}; n {cell.track.n}"
    if cell.used:
        used, clips = cell.used
        return (
            f"{used} of {clips} clips were used ({100 * used / clips:.1f} %): scored on "
            f"{cell.track.n} queries, {cell.track.dropped} dropped, with {cell.track.missing} "
            "candidates missing"
        )
    if cell.track.n != track.n:
        return f"scored on {cell.track.n} queries, {cell.track.dropped} dropped"
    return None


def _reference_rows(board: ResultTable) -> Iterator[list[str]]:
    empty = [DASH, DASH, DASH]
    levels = _column_levels(board)
    yield ["*chance*", *empty, *(format_number(level.chance, level.unit) for level in levels)]
    if any(level.majority is not None for level in levels):
        yield [
            "*majority*",
            *empty,
            *(format_number(level.majority, level.unit) for level in levels),
        ]
    yield ["*oracle*", *empty, *(format_number(level.oracle, level.unit) for level in levels)]
    for name in dict.fromkeys(name for level in levels for name in level.shortcuts):
        values = (format_number(level.shortcuts.get(name), level.unit) for level in levels)
        yield [f"*{name}*{' ‡' if name in ANNOTATION_SHORTCUTS else ''}", *empty, *values]
    yield [
        "*n / candidates*",
        *empty,
        *(f"{track.n} / {format_range(track.candidates)}" for track in board.tracks),
    ]


def _column_levels(board: ResultTable) -> list[ReferenceLevels]:
    pairs = zip(board.columns, board.tracks, strict=True)
    return [track.levels[column.metric] for column, track in pairs]


def _format_inputs(group: ReproducedRow) -> str:
    sides = (group.method.evidence.video, group.method.evidence.text)
    return "; ".join(", ".join(side).replace("_", " ") or DASH for side in sides)


def format_range(span: Collection[int]) -> str:
    """Return one count, or the least and the greatest of several."""
    low, high = min(span), max(span)
    return str(low) if low == high else f"{low} to {high}"


def _letter(place: int) -> str:
    return chr(ord("a") + place) if place < 26 else str(place + 1)
