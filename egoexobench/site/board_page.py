"""The leaderboard page: a section for each data set, a table for each candidate policy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from egoexobench.leaderboard.board_text import format_row_seeds, list_reference_rows
from egoexobench.records.store import make_slug
from egoexobench.site.board_drawing import DrawnTable, draw_board_table
from egoexobench.site.labels import POLICY_HINTS, REFERENCE_HINTS
from egoexobench.site.page import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.leaderboard.board import Board
    from egoexobench.site.inputs import SiteInputs


@dataclass(frozen=True, slots=True)
class BoardSection:
    """The tables of one data set; those that others submitted are apart."""

    id: str
    dataset: str
    is_submitted: bool
    tables: tuple[DrawnTable, ...]

    @property
    def has_runs(self) -> bool:
        """Whether the site was built for runs on this data set: it comes first then."""
        return any(row.runs for drawn in self.tables for row in drawn.rows)


def make_board_pages(inputs: SiteInputs) -> list[Page]:
    """Return the leaderboard page."""
    sections = _make_sections(inputs)
    values = {
        "sections": sections,
        "problems": (*inputs.problems, *inputs.site_rows.problems),
        "filters": _collect_filters(inputs.board),
        "policy_hints": POLICY_HINTS,
        "reference_hints": REFERENCE_HINTS,
        "list_reference_rows": list_reference_rows,
        "format_row_seeds": format_row_seeds,
    }
    return [Page("index.html", "Leaderboard", "board.html", values)]


def _make_sections(inputs: SiteInputs) -> list[BoardSection]:
    groups = groupby(inputs.board.tables, key=lambda table: (table.dataset, table.origin))
    sections = [
        BoardSection(
            id=f"data-{make_slug(f'{origin} {dataset}')}",
            dataset=dataset,
            is_submitted=origin == "submitted",
            tables=tuple(draw_board_table(table, inputs) for table in tables),
        )
        for (dataset, origin), tables in groups
    ]
    return sorted(sections, key=lambda section: not section.has_runs)


def _collect_filters(board: Board) -> dict[str, Sequence[str]]:
    """The values by which rows can be filtered."""
    rows = [row for table in board.tables for row in table.rows]
    return {
        "evidence": sorted({row.evidence for row in rows}),
        "scale": sorted({row.scale for row in rows}),
    }
