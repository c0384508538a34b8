"""Renders a table of the board as Markdown: rows, reference rows, then footnotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from egoexobench.leaderboard.board_table import uses_extra_inputs
from egoexobench.leaderboard.board_text import (
    DASH,
    STANDING_MARKS,
    format_header,
    format_number,
    format_row_seeds,
    get_note_letter,
    list_footnotes,
    list_reference_rows,
)
from egoexobench.leaderboard.markdown import escape_markdown, format_bullets, format_table
from egoexobench.leaderboard.row_notes import render_checks
from egoexobench.leaderboard.table import make_row_label
from egoexobench.visible_text import make_visible_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.evaluation.results import MetricUnit
    from egoexobench.leaderboard.board import BoardCell, BoardRow, BoardTable
    from egoexobench.leaderboard.reproduced import ReproducedRow

NUM_TEXT_COLUMNS = 5
"""Columns before the scores."""


def render_table(table: BoardTable, *, show_tasks: bool = True) -> str:
    """Return a table with its footnotes.

    Args:
        table: What to render.
        show_tasks: Put the task into the header of each column.
    """
    headers = [
        escape_markdown(format_header(column, show_task=show_tasks)) for column in table.columns
    ]
    notes = table.list_notes()
    lines = [_render_row(row, table, notes) for row in table.rows]
    lines += [
        [
            " ".join(filter(None, (f"*{row.name}*", row.mark))),
            *[DASH] * (NUM_TEXT_COLUMNS - 1),
            *row.cells,
        ]
        for row in list_reference_rows(table)
    ]
    text = format_table(
        ["Method", "Evidence", "Scale", "Seeds", "Checked", *headers],
        lines,
        num_text_columns=NUM_TEXT_COLUMNS,
    )
    footnotes = [escape_markdown(note) for note in list_footnotes(table)]
    return text + ("\n" + format_bullets(footnotes) if footnotes else "")


def format_row_label(source: ReproducedRow) -> str:
    """Return the label of a row as Markdown, with its dagger."""
    return _mark_label(make_row_label(source), uses_extra_inputs(source))


def format_code(text: str) -> str:
    """Return text as inline code on one line, also in a cell of a table."""
    line = make_visible_line(text).replace("|", "\\|")
    if "`" not in line:
        return f"`{line}`"
    fence = "`" * (1 + max(map(len, re.findall("`+", line))))
    return f"{fence} {line} {fence}"


def format_seeds(source: ReproducedRow) -> str:
    """Return the seeds of a row, such as ``0 1 2``."""
    return " ".join(str(seed) for seed in sorted({run.seed for run in source.runs}))


def _render_row(row: BoardRow, table: BoardTable, notes: Sequence[str]) -> list[str]:
    label = _mark_label(row.label, row.uses_extra_inputs)
    label += "".join(_refer_to_note(note, notes) for note in row.notes)
    cells = zip(row.cells, table.columns, strict=True)
    return [
        label,
        row.evidence,
        row.scale,
        format_row_seeds(row),
        render_checks(row.checks),
        *(_render_cell(cell, column.unit, notes) for cell, column in cells),
    ]


def _mark_label(label: str, uses_extra: bool) -> str:
    return escape_markdown(label) + (" †" if uses_extra else "")


def _refer_to_note(note: str, notes: Sequence[str]) -> str:
    return f" ({get_note_letter(notes.index(note))})"


def _render_cell(cell: BoardCell | None, unit: MetricUnit, notes: Sequence[str]) -> str:
    if cell is None:
        return DASH
    text = format_number(cell.value, unit)
    if cell.standing == "best":
        text = f"**{text}**"
    if cell.low is not None and cell.high is not None:
        text += f" \\[{format_number(cell.low, unit)}, {format_number(cell.high, unit)}\\]"
    text += STANDING_MARKS.get(cell.standing or "below", "")
    return text + _refer_to_note(cell.note, notes) if cell.note else text
