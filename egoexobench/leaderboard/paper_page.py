"""The page of one printed table: reported first, what we reproduced below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard.dataset_page import group_by_dataset, headline_tables
from egoexobench.leaderboard.markdown import (
    DASH,
    bullet_list,
    escape_markdown,
    markdown_table,
    render_page,
)
from egoexobench.leaderboard.render import METRIC_LABELS, inline_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from egoexobench.leaderboard.reported import ReportedColumn, ReportedRow, ReportedTable
    from egoexobench.leaderboard.reproduced import ReproducedRow


def paper_table_page(
    paper: ReportedTable, groups: Sequence[ReproducedRow], *, mix_protocols: bool
) -> str:
    """Return the page of a table; below it, the reproduced rows that its rows name."""
    heading = f"Table {paper.table}: {escape_markdown(paper.caption)}"
    return render_page(
        heading, _reported_section(paper), *_reproduced_sections(paper, groups, mix_protocols)
    )


def _reproduced_sections(
    paper: ReportedTable, groups: Sequence[ReproducedRow], mix: bool
) -> list[str]:
    names = {(row.method, frozenset(row.overrides.items())) for row in paper.rows}
    ours = [
        group
        for group in groups
        if (group.method.name, frozenset(group.method.overrides.items())) in names
    ]
    tasks = tuple(dict.fromkeys(column.task for column in paper.columns if column.task))
    parts = [
        f"## Reproduced on {inline_code(spec)}{_dataset_note(found, paper)}\n\n{blocks}"
        for spec, found in group_by_dataset(ours)
        if (blocks := headline_tables(found, tasks, (paper.metric,), mix_protocols=mix))
    ]
    return parts or ["## Reproduced\n\nNo run of these rows is recorded here yet.\n"]


def _dataset_note(groups: Sequence[ReproducedRow], paper: ReportedTable) -> str:
    known = groups[0].dataset.name in paper.datasets
    return "" if known else ", which is not a data set of the paper"


def _reported_section(paper: ReportedTable) -> str:
    head = [escape_markdown(paper.label), "Our name"]
    head += [escape_markdown(f"{paper.datasets[c.dataset]} {c.header}") for c in paper.columns]
    rows = [_reported_cells(row, paper.columns) for row in paper.rows]
    chance = [f"{100 / c.candidates:.2f}" if c.candidates else DASH for c in paper.columns]
    rows.append(["*chance, uniform*", DASH, *chance])
    rows.append(["*n / candidates*", DASH, *map(_format_counts, paper.columns)])
    metric = METRIC_LABELS.get(paper.metric, paper.metric)
    source = f"{escape_markdown(paper.paper)}, {escape_markdown(paper.venue)} (`{paper.bibtex}`)"
    notes = [escape_markdown(f"{row.name}: {row.note}.") for row in paper.rows if row.note]
    notes += [escape_markdown(note) for note in paper.notes]
    if any(column.inferred for column in paper.columns):
        notes.insert(0, "? marks a count that the paper does not state; see below.")
    return (
        f"## Reported by the paper\n\nTable {paper.table} of {source}; {metric} "
        f"in {paper.unit}, digits as printed.\n\n"
        + markdown_table(head, rows, words=2)
        + ("\n" + bullet_list(notes) if notes else "")
    )


def _reported_cells(row: ReportedRow, columns: Iterable[ReportedColumn]) -> list[str]:
    cells = (row.values.get(column.dataset, {}).get(column.key) for column in columns)
    overrides = (f"{role}={part}" for role, part in sorted(row.overrides.items()))
    ours = " ".join((row.method, *overrides)) if row.method else DASH
    return [
        escape_markdown(row.name),
        escape_markdown(ours),
        *(DASH if c is None else str(c) for c in cells),
    ]


def _format_counts(column: ReportedColumn) -> str:
    fields = ("queries", "candidates")
    counts = {field: getattr(column, field) for field in fields}
    if not any(counts.values()):
        return DASH
    marked = {field: "?" if field in column.inferred else "" for field in fields}
    return " / ".join(f"{counts[field] or DASH}{marked[field]}" for field in fields)
