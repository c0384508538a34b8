"""The cells of a printed table as plain text, in the order in which every format shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from egoexobench.leaderboard.board_text import DASH, get_metric_label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from egoexobench.leaderboard.reported import ReportedColumn, ReportedRow, ReportedTable


class ReportedGrid(NamedTuple):
    """Header, rows of methods, rows of levels and counts, and notes; two columns are text."""

    source: str
    metric: str
    header: list[str]
    rows: list[list[str]]
    references: list[list[str]]
    notes: list[str]


def make_reported_grid(table: ReportedTable) -> ReportedGrid:
    """Return the cells of a printed table; numbers have the digits that were printed."""
    columns = table.columns
    tasks = [column.task for column in columns if column.task]
    metric = get_metric_label(table.metric, tasks[0])
    chance = [f"{100 / c.candidates:.2f}" if c.candidates else DASH for c in columns]
    notes = [f"{row.name}: {row.note}." for row in table.rows if row.note] + list(table.notes)
    if any(column.inferred for column in columns):
        notes.insert(0, "? marks a count that the paper does not state; see below.")
    return ReportedGrid(
        source=f"Table {table.table} of {table.paper}, {table.venue}",
        metric=f"{metric} in {table.unit}, digits as printed",
        header=[
            table.label,
            "Our name",
            *(f"{table.datasets[column.dataset]} {column.header}" for column in columns),
        ],
        rows=[_format_row(row, columns) for row in table.rows],
        references=[
            ["chance, uniform", DASH, *chance],
            ["n / candidates", DASH, *map(_format_counts, columns)],
        ],
        notes=notes,
    )


def _format_row(row: ReportedRow, columns: Iterable[ReportedColumn]) -> list[str]:
    cells = (row.values.get(column.dataset, {}).get(column.key) for column in columns)
    overrides = (f"{role}={part}" for role, part in sorted(row.overrides.items()))
    method = " ".join((row.method, *overrides)) if row.method else DASH
    return [row.name, method, *(DASH if cell is None else str(cell) for cell in cells)]


def _format_counts(column: ReportedColumn) -> str:
    fields = ("queries", "candidates")
    counts = {field: getattr(column, field) for field in fields}
    if not any(counts.values()):
        return DASH
    marks = {field: "?" if field in column.inferred else "" for field in fields}
    return " / ".join(f"{counts[field] or DASH}{marks[field]}" for field in fields)
