"""The page of one table of a paper: reported scores first, reproduced ones below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard.board_text import DASH, get_metric_label
from egoexobench.leaderboard.dataset_page import group_by_dataset
from egoexobench.leaderboard.headline import render_headline_tables
from egoexobench.leaderboard.markdown import (
    escape_markdown,
    format_bullets,
    format_table,
    render_page,
)
from egoexobench.leaderboard.render import format_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from egoexobench.leaderboard.reported import ReportedColumn, ReportedRow, ReportedTable
    from egoexobench.leaderboard.reproduced import ReproducedRow


def render_paper_page(
    paper: ReportedTable, rows: Sequence[ReproducedRow], *, mix_protocols: bool
) -> str:
    """Return the page of a table, with the reproduced rows of the methods in it."""
    heading = f"Table {paper.table}: {escape_markdown(paper.caption)}"
    return render_page(
        heading, _render_reported(paper), *_render_reproduced(paper, rows, mix_protocols)
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


def _render_reported(paper: ReportedTable) -> str:
    header = [escape_markdown(paper.label), "Our name"]
    header += [escape_markdown(f"{paper.datasets[c.dataset]} {c.header}") for c in paper.columns]
    lines = [_format_reported_row(row, paper.columns) for row in paper.rows]
    chance = [f"{100 / c.candidates:.2f}" if c.candidates else DASH for c in paper.columns]
    lines.append(["*chance, uniform*", DASH, *chance])
    lines.append(["*n / candidates*", DASH, *map(_format_counts, paper.columns)])
    tasks = [column.task for column in paper.columns if column.task]
    metric = get_metric_label(paper.metric, tasks[0])
    source = f"{escape_markdown(paper.paper)}, {escape_markdown(paper.venue)} (`{paper.bibtex}`)"
    notes = [escape_markdown(f"{row.name}: {row.note}.") for row in paper.rows if row.note]
    notes += [escape_markdown(note) for note in paper.notes]
    if any(column.inferred for column in paper.columns):
        notes.insert(0, "? marks a count that the paper does not state; see below.")
    return (
        f"## Reported by the paper\n\nTable {paper.table} of {source}; {metric} "
        f"in {paper.unit}, digits as printed.\n\n"
        + format_table(header, lines, num_text_columns=2)
        + ("\n" + format_bullets(notes) if notes else "")
    )


def _format_reported_row(row: ReportedRow, columns: Iterable[ReportedColumn]) -> list[str]:
    cells = (row.values.get(column.dataset, {}).get(column.key) for column in columns)
    overrides = (f"{role}={part}" for role, part in sorted(row.overrides.items()))
    method = " ".join((row.method, *overrides)) if row.method else DASH
    return [
        escape_markdown(row.name),
        escape_markdown(method),
        *(DASH if cell is None else str(cell) for cell in cells),
    ]


def _format_counts(column: ReportedColumn) -> str:
    fields = ("queries", "candidates")
    counts = {field: getattr(column, field) for field in fields}
    if not any(counts.values()):
        return DASH
    marks = {field: "?" if field in column.inferred else "" for field in fields}
    return " / ".join(f"{counts[field] or DASH}{marks[field]}" for field in fields)
