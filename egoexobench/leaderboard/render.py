"""A board of reproduced numbers as Markdown: rows, then chance, oracle and n, then footnotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard.collect import differences
from egoexobench.leaderboard.markdown import DASH, bullets, escape, table
from egoexobench.leaderboard.table import title

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from egoexobench.leaderboard.reproduced import Level, Reproduced, Track
    from egoexobench.leaderboard.table import Board, Cell, Column, Line

NAMES = {
    "top1": "top-1",
    "top5": "top-5",
    "top10": "top-10",
    "recall5": "top-5 recall",
    "map": "mAP",
    "median_rank": "median rank",
    "mrr": "MRR",
}
DIGITS = {"%": 1, "rank": 1, "1": 3}
SIGHT_AND_SOUND = {"video", "audio"}
DAGGER = (
    "† declares more than picture and sound on the video side, so it knows what the others must "
    "find out; not to be ranked with them."
)

TOLD = ("scene", "narration")
"""Shortcuts that read the annotation, which no method is handed."""
TOLD_NOTE = (
    "‡ reads the annotation, which no method is handed: what a leak of it would be worth. "
    "Duration, loudness and synchrony (GCC-PHAT) read the media and learn nothing."
)
STAR = "\\* trained on another data set than the one that is scored."


def block(board: Board, *, tasks: bool = True) -> str:
    """Return the table of a board with its footnotes; headers name tasks unless told not to."""
    head = ["Method", "Evidence", "Scale", "Seeds", *_headers(board, tasks)]
    notes: list[str] = []
    rows = [_row(line, board, notes) for line in board.lines]
    rows += _foot(board)
    foot = [f"({_letter(place)}) {note}" for place, note in enumerate(notes)]
    if any(informed(line.group) for line in board.lines):
        foot.insert(0, DAGGER)
    if any(line.group.trained_on for line in board.lines):
        foot.insert(0, STAR)
    if any(level.shortcuts for level in _levels(board)):
        foot.append(TOLD_NOTE)
    return table(head, rows, words=3) + ("\n" + bullets(foot) if foot else "")


def informed(group: Reproduced) -> bool:
    """Say whether a method's video embeddings are computed from more than picture and sound."""
    return not SIGHT_AND_SOUND.issuperset(group.method.evidence.video)


def called(group: Reproduced) -> str:
    """Return a row's name as Markdown, with its dagger."""
    return escape(title(group)) + (" †" if informed(group) else "")


def code(text: str) -> str:
    """Return text as inline code."""
    return f"`{text.replace('`', '')}`"


def seeds(group: Reproduced) -> str:
    """Return the seeds of a row, such as ``0 1 2``."""
    return " ".join(str(seed) for seed in sorted({run.seed for run in group.runs}))


def number(value: float | None, unit: str) -> str:
    """Return a number at the precision of its unit; a dash where there is none."""
    return DASH if value is None else f"{value:.{DIGITS[unit]}f}"


def _headers(board: Board, tasks: bool) -> Iterator[str]:
    for column, track in zip(board.columns, board.tracks, strict=True):
        unit = "%" if track.levels[column.metric].unit == "%" else ""
        words = (column.task if tasks else "", NAMES.get(column.metric, column.metric), unit)
        yield escape(" ".join(filter(None, words)))


def _row(line: Line, board: Board, notes: list[str]) -> list[str]:
    method = line.group.method
    row = [
        called(line.group),
        _evidence(line.group),
        method.scale,
        counts({cell.seeds for cell in line.cells if cell}),
    ]
    for cell, column, track in zip(line.cells, board.columns, board.tracks, strict=True):
        text = _cell(cell, column)
        if cell and (remark := _remark(cell, track)):
            if remark not in notes:
                notes.append(remark)
            text += f" ({_letter(notes.index(remark))})"
        row.append(text)
    return row


def _cell(cell: Cell | None, column: Column) -> str:
    if cell is None:
        return DASH
    unit = cell.track.levels[column.metric].unit
    mean = number(cell.mean, unit)
    if cell.spread is not None:
        return f"{mean} ± {number(cell.spread, unit)}"
    if cell.low is not None and cell.high is not None:
        return f"{mean} \\[{number(cell.low, unit)}, {number(cell.high, unit)}\\]"
    return mean


def _remark(cell: Cell, track: Track) -> str | None:
    if cell.track.fingerprint != track.fingerprint:
        where = escape(differences(track, cell.track))
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


def _foot(board: Board) -> Iterator[list[str]]:
    empty = [DASH, DASH, DASH]
    levels = _levels(board)
    yield ["*chance*", *empty, *(number(level.chance, level.unit) for level in levels)]
    if any(level.majority is not None for level in levels):
        yield ["*majority*", *empty, *(number(level.majority, level.unit) for level in levels)]
    yield ["*oracle*", *empty, *(number(level.oracle, level.unit) for level in levels)]
    for name in dict.fromkeys(name for level in levels for name in level.shortcuts):
        values = (number(level.shortcuts.get(name), level.unit) for level in levels)
        yield [f"*{name}*{' ‡' if name in TOLD else ''}", *empty, *values]
    yield [
        "*n / candidates*",
        *empty,
        *(f"{track.n} / {counts(track.candidates)}" for track in board.tracks),
    ]


def _levels(board: Board) -> list[Level]:
    pairs = zip(board.columns, board.tracks, strict=True)
    return [track.levels[column.metric] for column, track in pairs]


def _evidence(group: Reproduced) -> str:
    sides = (group.method.evidence.video, group.method.evidence.text)
    return "; ".join(", ".join(side).replace("_", " ") or DASH for side in sides)


def counts(span: Collection[int]) -> str:
    """Return one count, or the least and the greatest of several."""
    low, high = min(span), max(span)
    return str(low) if low == high else f"{low} to {high}"


def _letter(place: int) -> str:
    return chr(ord("a") + place) if place < 26 else str(place + 1)
