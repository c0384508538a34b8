"""The page of one printed table: reported first, what we reproduced below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard.dataset_page import by_dataset, headlines
from egoexobench.leaderboard.markdown import DASH, bullets, escape, page, table
from egoexobench.leaderboard.render import NAMES, code

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from egoexobench.leaderboard.reported import Column, Reported, Row
    from egoexobench.leaderboard.reproduced import Reproduced


def printed_page(paper: Reported, groups: Sequence[Reproduced], *, mix_protocols: bool) -> str:
    """Return the page of a table; below it, the reproduced rows that its rows name."""
    heading = f"Table {paper.table}: {escape(paper.caption)}"
    return page(heading, _reported(paper), *_reproduced(paper, groups, mix_protocols))


def _reproduced(paper: Reported, groups: Sequence[Reproduced], mix: bool) -> list[str]:
    names = {(row.method, frozenset(row.overrides.items())) for row in paper.rows}
    ours = [
        group
        for group in groups
        if (group.method.name, frozenset(group.method.overrides.items())) in names
    ]
    tasks = tuple(dict.fromkeys(column.task for column in paper.columns if column.task))
    parts = [
        f"## Reproduced on {code(spec)}{_whose(found, paper)}\n\n{blocks}"
        for spec, found in by_dataset(ours)
        if (blocks := headlines(found, tasks, (paper.metric,), mix_protocols=mix))
    ]
    return parts or ["## Reproduced\n\nNo run of these rows is recorded here yet.\n"]


def _whose(groups: Sequence[Reproduced], paper: Reported) -> str:
    known = groups[0].dataset.name in paper.datasets
    return "" if known else ", which is not a data set of the paper"


def _reported(paper: Reported) -> str:
    head = [escape(paper.label), "Our name"]
    head += [escape(f"{paper.datasets[c.dataset]} {c.header}") for c in paper.columns]
    rows = [_row(row, paper.columns) for row in paper.rows]
    chance = [f"{100 / c.candidates:.2f}" if c.candidates else DASH for c in paper.columns]
    rows.append(["*chance, uniform*", DASH, *chance])
    rows.append(["*n / candidates*", DASH, *map(_count, paper.columns)])
    metric = NAMES.get(paper.metric, paper.metric)
    source = f"{escape(paper.paper)}, {escape(paper.venue)} (`{paper.bibtex}`)"
    notes = [escape(f"{row.name}: {row.note}.") for row in paper.rows if row.note]
    notes += [escape(note) for note in paper.notes]
    if any(column.inferred for column in paper.columns):
        notes.insert(0, "? marks a count that the paper does not state; see below.")
    return (
        f"## Reported by the paper\n\nTable {paper.table} of {source}; {metric} "
        f"in {paper.unit}, digits as printed.\n\n"
        + table(head, rows, words=2)
        + ("\n" + bullets(notes) if notes else "")
    )


def _row(row: Row, columns: Iterable[Column]) -> list[str]:
    cells = (row.values.get(column.dataset, {}).get(column.key) for column in columns)
    overrides = (f"{role}={part}" for role, part in sorted(row.overrides.items()))
    ours = " ".join((row.method, *overrides)) if row.method else DASH
    return [escape(row.name), escape(ours), *(DASH if c is None else str(c) for c in cells)]


def _count(column: Column) -> str:
    fields = ("queries", "candidates")
    counts = {field: getattr(column, field) for field in fields}
    if not any(counts.values()):
        return DASH
    marked = {field: "?" if field in column.inferred else "" for field in fields}
    return " / ".join(f"{counts[field] or DASH}{marked[field]}" for field in fields)
