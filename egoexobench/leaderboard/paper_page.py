"""The page of one table of a paper: reported scores first, reproduced ones below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard.dataset_page import group_by_dataset
from egoexobench.leaderboard.headline import render_headline_tables
from egoexobench.leaderboard.markdown import (
    escape_markdown,
    format_bullets,
    format_table,
    render_page,
)
from egoexobench.leaderboard.render import format_code
from egoexobench.leaderboard.reported_grid import make_reported_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.leaderboard.reported import ReportedTable
    from egoexobench.leaderboard.reproduced import ReproducedRow


def render_paper_page(
    paper: ReportedTable, rows: Sequence[ReproducedRow], *, mix_protocols: bool
) -> str:
    """Return the page of a table, with the reproduced rows of the methods in it."""
    heading = f"Table {paper.table}: {escape_markdown(paper.caption)}"
    return render_page(
        heading,
        f"## Reported by the paper\n\n{render_reported(paper)}",
        *_render_reproduced(paper, rows, mix_protocols),
    )


def _render_reproduced(
    paper: ReportedTable, rows: Sequence[ReproducedRow], mix_protocols: bool
) -> list[str]:
    methods = {(row.method, frozenset(row.overrides.items())) for row in paper.rows}
    matching = [
        row for row in rows if (row.method.name, frozenset(row.method.overrides.items())) in methods
    ]
    tasks = tuple(dict.fromkeys(column.task for column in paper.columns if column.task))
    sections = [
        f"## Reproduced on {format_code(spec)}{_describe_dataset(group, paper)}\n\n{tables}"
        for spec, group in group_by_dataset(matching)
        if (tables := render_headline_tables(group, tasks, mix_protocols=mix_protocols))
    ]
    return sections or ["## Reproduced\n\nThere is no record of these rows yet.\n"]


def _describe_dataset(rows: Sequence[ReproducedRow], paper: ReportedTable) -> str:
    is_of_paper = rows[0].dataset.name in paper.datasets
    return "" if is_of_paper else ", which is not a data set of the paper"


def render_reported(paper: ReportedTable) -> str:
    """Return a printed table as Markdown, with its notes."""
    grid = make_reported_grid(paper)
    lines = [[escape_markdown(cell) for cell in row] for row in grid.rows]
    lines += [[f"*{name}*", *cells] for name, *cells in grid.references]
    notes = format_bullets([escape_markdown(note) for note in grid.notes])
    return (
        f"{escape_markdown(grid.source)} (`{paper.bibtex}`); {escape_markdown(grid.metric)}.\n\n"
        + format_table([escape_markdown(cell) for cell in grid.header], lines, num_text_columns=2)
        + (f"\n{notes}" if notes else "")
    )
