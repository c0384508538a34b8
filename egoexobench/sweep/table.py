"""The table of a sweep: laid out as printed, with reproduced and reported columns apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from egoexobench.evaluation.results import UNIT_DIGITS, MetricUnit
from egoexobench.leaderboard.board_text import DASH, format_range
from egoexobench.leaderboard.build_row import build_reproduced_row
from egoexobench.leaderboard.markdown import escape_markdown, format_table
from egoexobench.leaderboard.run_source import RunSource
from egoexobench.leaderboard.table import TableColumn, build_table
from egoexobench.sweep.estimates import SeedByQueryValues, estimate_mean
from egoexobench.sweep.results import SweepResults, get_column_chance, get_column_values
from egoexobench.sweep.schema import get_column_tasks
from egoexobench.types import RECOGNITION_TASKS, TrackKey

if TYPE_CHECKING:
    from egoexobench.leaderboard.reported import ReportedColumn, ReportedTable
    from egoexobench.leaderboard.reproduced import ReproducedRow, ReproducedTrack
    from egoexobench.records.schema import Record
    from egoexobench.sweep.claims import Estimate
    from egoexobench.sweep.record_index import StoredRecord
    from egoexobench.sweep.schema import (
        ColumnGroup,
        MethodRow,
        SweepColumn,
        SweepMetric,
        SweepSpec,
    )
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


def render_sweep_table(results: SweepResults, reported: ReportedTable | None) -> str:
    """Return the table as Markdown, with chance and the number of queries below the rows.

    Raises:
        DataError: if rows of one column were scored on different tracks.
    """
    sweep = results.plan.sweep
    header = [escape_markdown(sweep.label), "Seeds", *_iter_headers(sweep, reported)]
    lines = [*_iter_method_lines(results, reported), *_iter_reference_lines(results, reported)]
    return format_table(header, lines)


def format_method_label(row: MethodRow) -> str:
    """Return the label of a row as Markdown; with an asterisk if it was trained on other data."""
    star = "*" if row.transfer and not row.label.endswith("*") else ""
    return escape_markdown(row.label + star)


def format_interval(estimate: Estimate, digits: int) -> str:
    """Return an interval as Markdown."""
    return f"\\[{estimate.low:.{digits}f}, {estimate.high:.{digits}f}\\]"


def _iter_headers(sweep: SweepSpec, reported: ReportedTable | None) -> Iterator[str]:
    for group in sweep.groups:
        for column in group.columns:
            yield f"{escape_markdown(group.label)} {COLUMN_LABELS[column]}, **reproduced**"
    if reported:
        for printed in reported.columns:
            label = f"{reported.datasets[printed.dataset]} {printed.header}"
            yield f"*{escape_markdown(label)}, reported*"


def _iter_method_lines(
    results: SweepResults, reported: ReportedTable | None
) -> Iterator[list[str]]:
    sweep, section = results.plan.sweep, None
    num_cells = sum(len(group.columns) for group in sweep.groups)
    num_cells += len(reported.columns) if reported else 0
    for row in sweep.rows:
        if row.section != section and row.section:
            yield [f"**{escape_markdown(row.section)}**", *[""] * (num_cells + 1)]
        section = row.section
        cells = [
            _format_cell(get_column_values(results, row.key, group, column), group.metric)
            for group in sweep.groups
            for column in group.columns
        ]
        yield [
            format_method_label(row),
            _format_seeds(results, row),
            *cells,
            *_format_reported_cells(row, reported),
        ]


def _format_cell(values: SeedByQueryValues | None, metric: SweepMetric) -> str:
    if values is None:
        return DASH
    unit: MetricUnit = "1" if metric == "mrr" else "%"
    estimate = estimate_mean(values, bounds=(0.0, 1.0 if unit == "1" else 100.0))
    return f"{estimate.mean:.{UNIT_DIGITS[unit]}f} {format_interval(estimate, UNIT_DIGITS[unit])}"


def _format_seeds(results: SweepResults, row: MethodRow) -> str:
    """How many of the seeds of a row have a record; a range if data sets differ."""
    cells = {key: cells for key, cells in results.plan.cells.items() if key[0] == row.key}
    if not any(results.records[key] for key in cells):
        return DASH
    num_recorded = {len(results.records[key]) for key in cells}
    num_seeds = max(len(seeds) for seeds in cells.values())
    text = format_range(num_recorded)
    return text if num_recorded == {num_seeds} else f"{text} of {num_seeds}"


def _format_reported_cells(row: MethodRow, reported: ReportedTable | None) -> list[str]:
    if reported is None:
        return []
    values = next((other.values for other in reported.rows if other.name == row.reported), {})
    cells = [values.get(column.dataset, {}).get(column.key) for column in reported.columns]
    return [DASH if value is None else f"*{value}*" for value in cells]


def _iter_reference_lines(
    results: SweepResults, reported: ReportedTable | None
) -> Iterator[list[str]]:
    columns = [(group, column) for group in results.plan.sweep.groups for column in group.columns]
    printed = reported.columns if reported else ()
    chances = [get_column_chance(results, group, column) for group, column in columns]
    yield [
        "*chance*",
        DASH,
        *(DASH if chance is None else f"{chance:.1f}" for chance in chances),
        *(_format_reported_chance(column) for column in printed),
    ]
    tracks = [_find_column_tracks(results, group, column) for group, column in columns]
    yield [
        "*n / candidates*",
        DASH,
        *(_format_sizes(of_column) for of_column in tracks),
        *(_format_reported_sizes(column) for column in printed),
    ]


def _format_reported_chance(column: ReportedColumn) -> str:
    return f"*{100 / column.candidates:.1f}*" if column.candidates else DASH


def _format_reported_sizes(column: ReportedColumn) -> str:
    return f"*{column.queries} / {column.candidates}*" if column.queries else DASH


def _format_sizes(tracks: Sequence[ReproducedTrack]) -> str:
    if not tracks:
        return DASH
    num_candidates = [bound for track in tracks for bound in track.candidate_range]
    return f"{sum(track.num_queries for track in tracks)} / {format_range(num_candidates)}"


def _find_column_tracks(
    results: SweepResults, group: ColumnGroup, column: SweepColumn
) -> list[ReproducedTrack]:
    """The tracks of a column, the same for all its rows; an error says how rows differ."""
    tracks: list[ReproducedTrack] = []
    for task in get_column_tasks(group, column):
        key = TrackKey(task, None if task in RECOGNITION_TASKS else group.policy)
        rows = _build_reproduced_rows(results, group, task)
        table = build_table(rows, [TableColumn(key, group.metric)])
        tracks += [cell.track for cell in table.reference_cells]
    return tracks


def _build_reproduced_rows(
    results: SweepResults, group: ColumnGroup, task: Task
) -> list[ReproducedRow]:
    rows = []
    for (_, group_key), by_seed in results.records.items():
        newest = [_find_newest(stored, task) for stored in by_seed.values()]
        sources = [RunSource(record) for record in newest if record]
        if group_key == group.key and sources:
            rows.append(build_reproduced_row(sources))
    return rows


def _find_newest(stored: Sequence[StoredRecord], task: Task) -> Record | None:
    """The newest record that has a score on a task, with no other score."""
    for item in stored:
        scores = tuple(score for score in item.record.scores if score.task == task)
        if scores:
            return item.record.model_copy(update={"scores": scores})
    return None
