"""Renders the board as CSV: one line a score, so that a table of any shape can be made of it."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from egoexobench.visible_text import make_visible_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from egoexobench.leaderboard.board import Board, BoardCell, BoardColumn, BoardRow, BoardTable
    from egoexobench.leaderboard.reported import ReportedColumn, ReportedTable

FIELDS = (
    "origin",
    "source",
    "dataset",
    "policy",
    "task",
    "metric",
    "unit",
    "method",
    "scale",
    "evidence",
    "checks",
    "value",
    "low",
    "high",
    "chance",
    "seeds",
    "num_queries",
    "min_candidates",
    "max_candidates",
    "standing",
    "track",
    "note",
)
_FORMULA_STARTS = tuple("=+-@＝＋－＠")
"""A spreadsheet runs a cell that begins with one of these."""


def render_csv(board: Board) -> str:
    """Return one line for each score, after a line of `FIELDS`; numbers have all their digits.

    A text that a spreadsheet would run as a formula begins with an apostrophe.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    for fields in _iter_lines(board):
        writer.writerow({name: _format_value(value) for name, value in fields.items()})
    return buffer.getvalue()


def _iter_lines(board: Board) -> Iterator[dict[str, object]]:
    for table in board.tables:
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                if cell:
                    yield _list_fields(table, column, row, cell)
    for reported in board.reported:
        yield from _iter_reported_lines(reported)


def _list_fields(
    table: BoardTable, column: BoardColumn, row: BoardRow, cell: BoardCell
) -> dict[str, object]:
    return {
        "origin": row.origin,
        "source": " ".join(row.runs),
        "dataset": table.dataset,
        "policy": table.policy,
        "task": column.task,
        "metric": column.metric,
        "unit": column.unit,
        "method": row.label,
        "scale": row.scale,
        "evidence": row.evidence,
        "checks": ", ".join(check.text for check in row.checks),
        "value": cell.value,
        "low": cell.low,
        "high": cell.high,
        "chance": cell.chance,
        "seeds": " ".join(map(str, cell.seeds)),
        "num_queries": cell.num_queries,
        "min_candidates": cell.candidate_range[0],
        "max_candidates": cell.candidate_range[1],
        "standing": cell.standing,
        "track": cell.track,
        "note": "; ".join(filter(None, (*row.notes, cell.note))),
    }


def _iter_reported_lines(table: ReportedTable) -> Iterator[dict[str, object]]:
    columns = {(column.dataset, column.key): column for column in table.columns}
    for row in table.rows:
        for dataset, values in row.values.items():
            for key, value in values.items():
                yield {
                    **_list_reported_fields(table, columns[dataset, key]),
                    "method": row.name,
                    "value": value,
                    "note": row.note,
                }


def _list_reported_fields(table: ReportedTable, column: ReportedColumn) -> dict[str, object]:
    return {
        "origin": "reported",
        "source": f"{table.paper}, {table.venue}, Table {table.table}",
        "dataset": column.dataset,
        "task": column.task or f"mean of {' and '.join(column.mean_of)}",
        "metric": table.metric,
        "unit": table.unit,
        "num_queries": column.queries,
        "max_candidates": column.candidates,
    }


def _format_value(value: object) -> str:
    """Return a cell; texts come from anybody, numbers do not."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    line = make_visible_line(value)
    return f"'{line}" if line.startswith(_FORMULA_STARTS) else line
