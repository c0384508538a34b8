"""The page of scores that papers print, beside those of our runs where both are of one data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.leaderboard.board_text import (
    DASH,
    format_interval_ends,
    format_number,
    format_range,
)
from egoexobench.leaderboard.reported_grid import ReportedGrid, make_reported_grid
from egoexobench.site.labels import TASK_LABELS
from egoexobench.site.page import Page

if TYPE_CHECKING:
    from egoexobench.leaderboard.board import BoardCell, BoardRow, BoardTable
    from egoexobench.leaderboard.reported import ReportedColumn, ReportedRow, ReportedTable
    from egoexobench.site.inputs import SiteInputs


@dataclass(frozen=True, slots=True)
class PairedScore:
    """A printed score and one of our runs of the same method, task and data set."""

    name: str
    task: str
    dataset: str
    reported: str
    reproduced: str
    interval: str
    difference: str
    remarks: tuple[str, ...]
    """In what the two were scored otherwise, or what nobody knows."""


@dataclass(frozen=True, slots=True)
class PaperSection:
    """A printed table, and what our runs say of it."""

    id: str
    table: ReportedTable
    grid: ReportedGrid
    pairs: tuple[PairedScore, ...]
    elsewhere: tuple[str, ...]
    """Other data sets on which its methods were run: no difference is formed."""


def make_reported_pages(inputs: SiteInputs) -> list[Page]:
    """Return the page of printed tables; nothing without a table."""
    if not inputs.papers:
        return []
    tables = [table for table in inputs.board.tables if table.origin == "reproduced"]
    sections = [_make_section(paper, tables) for paper in inputs.papers]
    values = {"sections": sections, "is_dash": DASH.__eq__}
    return [Page("reported.html", "Reported by papers", "reported.html", values)]


def _make_section(paper: ReportedTable, tables: Sequence[BoardTable]) -> PaperSection:
    matches = [
        (printed, table, row)
        for printed in paper.rows
        for table in tables
        for row in table.rows
        if _is_same_method(printed, row)
    ]
    return PaperSection(
        id=f"table-{paper.table}",
        table=paper,
        grid=make_reported_grid(paper),
        pairs=tuple(
            pair
            for printed, table, row in matches
            for pair in _iter_pairs(paper, printed, table, row)
        ),
        elsewhere=tuple(
            sorted({table.dataset for _, table, _ in matches if not _is_of_paper(table, paper)})
        ),
    )


def _is_same_method(printed: ReportedRow, row: BoardRow) -> bool:
    method = row.method.partition(":")[0]
    is_same = printed.method == method == row.method and printed.overrides == row.overrides
    return is_same and printed.transfer == (row.trained_on is not None)


def _is_of_paper(table: BoardTable, paper: ReportedTable) -> bool:
    return table.dataset.partition(":")[0] in paper.datasets


def _iter_pairs(
    paper: ReportedTable, printed: ReportedRow, table: BoardTable, row: BoardRow
) -> Iterator[PairedScore]:
    for column in paper.columns:
        reported = printed.values.get(column.dataset, {}).get(column.key)
        if reported is None or column.dataset != table.dataset.partition(":")[0]:
            continue
        for head, cell in zip(table.columns, row.cells, strict=True):
            if cell and head.task == column.task and head.metric == paper.metric:
                yield PairedScore(
                    name=printed.name,
                    task=TASK_LABELS[head.task],
                    dataset=table.dataset,
                    reported=str(reported),
                    reproduced=format_number(cell.value, head.unit),
                    interval=format_interval_ends(cell.low, cell.high, head.unit),
                    difference=f"{cell.value - float(reported):+.1f}",
                    remarks=tuple(_iter_remarks(column, cell, table)),
                )


def _iter_remarks(column: ReportedColumn, cell: BoardCell, table: BoardTable) -> Iterator[str]:
    yield f"ours: {table.policy or 'classes'}, {len(cell.seeds)} seed(s)"
    for noun, printed, ours in (
        ("queries", column.queries, (cell.num_queries, cell.num_queries)),
        ("candidates", column.candidates, cell.candidate_range),
    ):
        stated = "does not state" if printed is None else f"{printed} in the paper"
        if printed is None:
            yield f"the paper {stated} its {noun}; ours has {format_range(ours)}"
        elif ours != (printed, printed):
            inferred = ", inferred" if noun in column.inferred else ""
            yield f"{noun}: {stated}{inferred}, {format_range(ours)} in ours"
