"""The table that a sweep ends in: laid out as printed, reproduced and reported visibly apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from egoexobench.leaderboard.collect import build_reproduced_row
from egoexobench.leaderboard.markdown import DASH, escape_markdown, markdown_table
from egoexobench.leaderboard.render import DIGITS, format_range
from egoexobench.leaderboard.table import TableColumn as Place
from egoexobench.leaderboard.table import build_table
from egoexobench.sweep.estimates import Estimate, SeedByQueryValues, mean_with_interval
from egoexobench.sweep.results import SweepResults, column_chance, column_values
from egoexobench.sweep.schema import tasks_in_column
from egoexobench.types import RECOGNITION_TASKS

if TYPE_CHECKING:
    from egoexobench.leaderboard.reported import ReportedTable
    from egoexobench.leaderboard.reproduced import ReproducedRow, ReproducedTrack
    from egoexobench.records.schema import Record
    from egoexobench.sweep.schema import ColumnGroup, MethodRow, SweepColumn, SweepMetric, SweepSpec
    from egoexobench.types import Task

COLUMN_LABELS: Mapping[str, str] = {
    "eg2ex": "Eg2Ex",
    "ex2eg": "Ex2Eg",
    "t2v": "T2V",
    "v2t": "V2T",
    "scene": "Ego-Scene",
    "action": "Exo-Action",
    "avg": "Avg",
}
"""As the paper prints them."""


def render_sweep_table(filled: SweepResults, printed: ReportedTable | None) -> str:
    """Return the table; below the rows stand chance, and how many were asked among how many.

    Raises:
        DataError: if rows of one column were scored on different tracks.
    """
    sweep = filled.plan.sweep
    head = [escape_markdown(sweep.label), "Seeds", *_column_headers(sweep, printed)]
    rows = list(_method_rows(filled, printed))
    rows += _reference_rows(filled, printed)
    return markdown_table(head, rows)


def _column_headers(sweep: SweepSpec, printed: ReportedTable | None) -> Iterator[str]:
    for group in sweep.groups:
        for name in group.columns:
            yield f"{escape_markdown(group.label)} {COLUMN_LABELS[name]}, **reproduced**"
    if printed:
        for one in printed.columns:
            yield f"*{escape_markdown(f'{printed.datasets[one.dataset]} {one.header}')}, reported*"


def _method_rows(filled: SweepResults, printed: ReportedTable | None) -> Iterator[list[str]]:
    sweep, section = filled.plan.sweep, None
    wide = sum(len(group.columns) for group in sweep.groups)
    wide += len(printed.columns) if printed else 0
    for row in sweep.rows:
        if row.section != section and row.section:
            yield [f"**{escape_markdown(row.section)}**", *[""] * (wide + 1)]
        section = row.section
        ours = [
            _format_cell(column_values(filled, row.key, group, name), group.metric)
            for group in sweep.groups
            for name in group.columns
        ]
        yield [
            method_row_label(row),
            _format_seeds(filled, row),
            *ours,
            *_reported_cells(row, printed),
        ]


def method_row_label(row: MethodRow) -> str:
    """Return a row's name as Markdown; an asterisk where it was trained on other data."""
    star = "*" if row.transfer and not row.label.endswith("*") else ""
    return escape_markdown(row.label + star)


def _format_cell(found: SeedByQueryValues | None, metric: SweepMetric) -> str:
    if found is None:
        return DASH
    unit = "1" if metric == "mrr" else "%"
    one = mean_with_interval(found, bounds=(0.0, 1.0 if unit == "1" else 100.0))
    return f"{one.mean:.{DIGITS[unit]}f} {format_interval(one, DIGITS[unit])}"


def format_interval(one: Estimate, digits: int) -> str:
    """Return an interval as Markdown."""
    return f"\\[{one.low:.{digits}f}, {one.high:.{digits}f}\\]"


def _format_seeds(filled: SweepResults, row: MethodRow) -> str:
    """How many seeds a row has, of how many, where data sets differ the range."""
    cells = {place: c for place, c in filled.plan.cells.items() if place[0] == row.key}
    if not any(filled.kept[place] for place in cells):
        return DASH
    had = {len(filled.kept[place]) for place in cells}
    wanted = max(len(one) for one in cells.values())
    return format_range(had) if had == {wanted} else f"{format_range(had)} of {wanted}"


def _reported_cells(row: MethodRow, printed: ReportedTable | None) -> list[str]:
    if printed is None:
        return []
    values = next((one.values for one in printed.rows if one.name == row.reported), {})
    found = [values.get(one.dataset, {}).get(one.key) for one in printed.columns]
    return [DASH if value is None else f"*{value}*" for value in found]


def _reference_rows(filled: SweepResults, printed: ReportedTable | None) -> Iterator[list[str]]:
    places = [(group, name) for group in filled.plan.sweep.groups for name in group.columns]
    theirs = printed.columns if printed else ()
    guess = [column_chance(filled, group, name) for group, name in places]
    yield [
        "*chance*",
        DASH,
        *(DASH if one is None else f"{one:.1f}" for one in guess),
        *(f"*{100 / one.candidates:.1f}*" if one.candidates else DASH for one in theirs),
    ]
    tracks = [_column_tracks(filled, group, name) for group, name in places]
    yield [
        "*n / candidates*",
        DASH,
        *(
            f"{sum(t.n for t in found)} / {format_range([c for t in found for c in t.candidates])}"
            if found
            else DASH
            for found in tracks
        ),
        *(f"*{one.queries} / {one.candidates}*" if one.queries else DASH for one in theirs),
    ]


def _column_tracks(
    filled: SweepResults, group: ColumnGroup, name: SweepColumn
) -> list[ReproducedTrack]:
    """The tracks of a column, one for all its rows, or an error that says in what they differ."""
    found: list[ReproducedTrack] = []
    for task in tasks_in_column(group, name):
        policy = None if task in RECOGNITION_TASKS else group.policy
        board = build_table(
            _reproduced_rows(filled, group, task), [Place(task, policy, group.metric)]
        )
        found += board.tracks
    return found


def _reproduced_rows(filled: SweepResults, group: ColumnGroup, task: Task) -> list[ReproducedRow]:
    return [
        build_reproduced_row(
            _restrict_to_task(one.record, task) for records in kept.values() for one in records
        )
        for (_, key), kept in filled.kept.items()
        if key == group.key and kept
    ]


def _restrict_to_task(record: Record, task: Task) -> Record:
    scores = tuple(score for score in record.scores if score.task == task)
    return record.model_copy(update={"scores": scores})
