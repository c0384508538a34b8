"""A table of the board with the drawings of its cells, and with links to the pages of its runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.citations import format_bibtex
from egoexobench.leaderboard.board import Board
from egoexobench.leaderboard.board_text import format_interval_ends, format_number
from egoexobench.leaderboard.csv_board import render_csv
from egoexobench.leaderboard.latex_board import render_latex
from egoexobench.records.store import make_slug
from egoexobench.site.interval_drawing import (
    ColumnScale,
    IntervalDrawing,
    draw_interval,
    make_column_scale,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from egoexobench.leaderboard.board import BoardCell, BoardColumn, BoardRow, BoardTable
    from egoexobench.site.inputs import SiteInputs, SiteRun


@dataclass(frozen=True, slots=True)
class DrawnColumn:
    """A column, and the two ends of its scale as text."""

    column: BoardColumn
    scale: ColumnScale | None
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class DrawnCell:
    """A cell, its interval as text, which may be empty, and its drawing, if it has one."""

    cell: BoardCell
    interval: str
    drawing: IntervalDrawing | None


@dataclass(frozen=True, slots=True)
class DrawnRow:
    """A row and its cells; ``runs`` are those of its runs that have a page."""

    row: BoardRow
    runs: tuple[SiteRun, ...]
    cells: tuple[DrawnCell | None, ...]

    @property
    def is_verified(self) -> bool:
        """Whether all of its runs were verified completely."""
        return any(check.text == "verified" for check in self.row.checks)

    @property
    def is_audited(self) -> bool:
        """Whether it passed an audit."""
        return any(check.text == "audited" for check in self.row.checks)


@dataclass(frozen=True, slots=True)
class DrawnTable:
    """A table of the page."""

    id: str
    table: BoardTable
    columns: tuple[DrawnColumn, ...]
    rows: tuple[DrawnRow, ...]
    notes: Mapping[str, int]
    """Number of each note, from 1."""

    @property
    def copies(self) -> tuple[tuple[str, str], ...]:
        """The table in formats that a reader may copy, by their names."""
        board = Board.model_construct(tables=(self.table,), reported=())  # it is valid
        names = [f"dataset:{self.table.dataset.partition(':')[0]}"]
        names += [f"method:{row.method.partition(':')[0]}" for row in self.table.rows]
        return (
            ("CSV", render_csv(board)),
            ("LaTeX", render_latex(board)),
            ("BibTeX", format_bibtex(names)),
        )

    @property
    def has_tests(self) -> bool:
        """Whether a row of a column was compared with the best one."""
        return any(cell and cell.standing for row in self.table.rows for cell in row.cells)


def draw_board_table(table: BoardTable, inputs: SiteInputs) -> DrawnTable:
    """Return a table with a drawing for each score, on one scale for each column."""
    columns = tuple(_draw_column(table, index) for index in range(len(table.columns)))
    name = f"{table.origin} {table.dataset} {table.policy or 'recognition'}"
    return DrawnTable(
        id=f"table-{make_slug(name)}",
        table=table,
        columns=columns,
        rows=tuple(_draw_row(row, columns, inputs) for row in table.rows),
        notes={note: number for number, note in enumerate(table.list_notes(), 1)},
    )


def _draw_column(table: BoardTable, index: int) -> DrawnColumn:
    column = table.columns[index]
    ends = [
        value
        for row in table.rows
        if (cell := row.cells[index])
        for value in (cell.value, cell.low, cell.high)
        if value is not None
    ]
    scale = make_column_scale(ends, column.chance, is_unbounded=column.unit == "rank")
    low, high = (
        (format_number(end, column.unit) for end in (scale.low, scale.high)) if scale else ("", "")
    )
    return DrawnColumn(column, scale, low, high)


def _draw_row(row: BoardRow, columns: tuple[DrawnColumn, ...], inputs: SiteInputs) -> DrawnRow:
    runs = [inputs.runs_by_id[name] for name in row.runs if name in inputs.runs_by_id]
    cells = zip(row.cells, columns, strict=True)
    return DrawnRow(
        row=row,
        runs=tuple(runs),
        cells=tuple(_draw_cell(cell, column) if cell else None for cell, column in cells),
    )


def _draw_cell(cell: BoardCell, drawn: DrawnColumn) -> DrawnCell:
    drawing = None
    if drawn.scale:
        drawing = draw_interval(
            drawn.scale, cell.value, low=cell.low, high=cell.high, chance=cell.chance
        )
    return DrawnCell(cell, format_interval_ends(cell.low, cell.high, drawn.column.unit), drawing)
