"""One table of reproduced scores: which rows may share a column, and the value of each cell."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

from egoexobench.errors import DataError
from egoexobench.evaluation.tasks import METRICS_INFO
from egoexobench.leaderboard.best_rows import find_standings
from egoexobench.leaderboard.build_row import describe_track_differences
from egoexobench.leaderboard.cell_interval import compute_cell_interval
from egoexobench.leaderboard.query_values import collect_query_values, list_distinct_runs
from egoexobench.leaderboard.submitted_row import SubmittedRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.evaluation.results import Metric
    from egoexobench.leaderboard.best_rows import Standing
    from egoexobench.leaderboard.query_values import QueryValues
    from egoexobench.leaderboard.reproduced import ReferenceLevels, ReproducedRow, ReproducedTrack
    from egoexobench.types import TrackKey


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One metric of one task under one candidate policy."""

    track: TrackKey
    metric: str


@dataclass(frozen=True, slots=True)
class TableCell:
    """One metric of one row: its mean over seeds, with the interval over queries and seeds."""

    metric: Metric
    seeds: tuple[int, ...]
    track: ReproducedTrack
    references: ReferenceLevels
    num_used_clips: tuple[int, int] | None = None
    """Clips that were used, and all clips, of the run that used the fewest; None for all."""
    query_values: QueryValues | None = None
    standing: Standing | None = None
    """How the row stands to the best one of its column; None if that is not known."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One reproduced row; a cell is None if there is no score."""

    source: ReproducedRow
    cells: tuple[TableCell | None, ...]


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Columns and rows; the header and the reference rows of a column come from one cell of it."""

    columns: tuple[TableColumn, ...]
    reference_cells: tuple[TableCell, ...]
    rows: tuple[TableRow, ...]


def build_table(
    sources: Sequence[ReproducedRow],
    columns: Sequence[TableColumn],
    *,
    mix_protocols: bool = False,
) -> ResultTable:
    """Return the table of some methods on one data set; columns without a score are dropped.

    Rows are sorted by their first column, best first, then by name.

    Raises:
        DataError: if rows of one column were scored on different tracks and ``mix_protocols``
            is not set.
    """
    rows = [
        TableRow(source, tuple(_make_cell(source, column) for column in columns))
        for source in sources
    ]
    filled = [i for i in range(len(columns)) if any(row.cells[i] for row in rows)]
    references = [_select_reference_cell(columns[i], i, rows, mix_protocols) for i in filled]
    cells = [
        _mark_standings([row.cells[i] for row in rows], columns[i].metric, reference)
        for i, reference in zip(filled, references, strict=True)
    ]
    rows = [
        TableRow(row.source, tuple(column[index] for column in cells))
        for index, row in enumerate(rows)
    ]
    return ResultTable(
        columns=tuple(columns[i] for i in filled),
        reference_cells=tuple(references),
        rows=tuple(sorted((row for row in rows if any(row.cells)), key=_get_row_order)),
    )


def _make_cell(source: ReproducedRow, column: TableColumn) -> TableCell | None:
    for track in source.tracks:
        if track.key == column.track:
            break
    else:
        return None
    runs = [
        run
        for run in list_distinct_runs(source)
        if column.metric in run.metrics.get(track.fingerprint, {})
    ]
    if not runs:
        return None
    metrics = [run.metrics[track.fingerprint][column.metric] for run in runs]
    values = collect_query_values(source, runs, track, column.metric)
    limits = METRICS_INFO[column.metric].limits
    interval = compute_cell_interval(metrics, values, limits)
    coverages = [run.coverage for run in source.runs if run.coverage]
    return TableCell(
        metric=replace(
            metrics[0],
            value=fmean(metric.value for metric in metrics),
            low=interval.low if interval else None,
            high=interval.high if interval else None,
        ),
        seeds=tuple(run.seed for run in runs),
        track=track,
        references=track.references[column.metric],
        num_used_clips=min(((each.num_used, each.num_clips) for each in coverages), default=None),
        query_values=values,
    )


def _mark_standings(
    cells: Sequence[TableCell | None], metric: str, reference: TableCell
) -> list[TableCell | None]:
    """Return the cells of a column; those on the track of its reference have a standing."""
    sign = 1.0 if METRICS_INFO[metric].higher_is_better else -1.0
    fingerprint = reference.track.fingerprint
    filled = {
        index: cell
        for index, cell in enumerate(cells)
        if cell and cell.track.fingerprint == fingerprint
    }
    standings = find_standings(
        [sign * cell.metric.value for cell in filled.values()],
        [cell.query_values for cell in filled.values()],
    )
    marked = list(cells)
    for (index, cell), standing in zip(filled.items(), standings, strict=True):
        marked[index] = replace(cell, standing=standing)
    return marked


def _select_reference_cell(
    column: TableColumn, index: int, rows: Sequence[TableRow], mix_protocols: bool
) -> TableCell:
    """The cell with most queries on the track that most rows have."""
    filled = [(row.source, cell) for row in rows if (cell := row.cells[index])]
    # among equally many, that of the plainest method, so that all columns use the same protocol
    filled.sort(key=lambda item: (len(item[0].method.overrides), make_row_label(item[0])))
    votes = Counter(cell.track.fingerprint for _, cell in filled)
    common = max(votes, key=lambda fingerprint: votes[fingerprint])
    source, reference = max(
        (item for item in filled if item[1].track.fingerprint == common),
        key=lambda item: item[1].track.num_queries,
    )
    for other, cell in filled:
        if cell.track.fingerprint != common and not mix_protocols:
            is_external = any(row.method.external is not None for row in (source, other))
            hint = ", say with `score --claim` how clips were read" if is_external else ""
            raise DataError(
                f"column {make_column_label(column)} of {source.dataset.spec} mixes tracks: "
                f"{make_row_label(source)} and {make_row_label(other)} were scored by different "
                f"protocols, {describe_track_differences(reference.track, cell.track)}; run one "
                f"of them again{hint}, or use --mix-protocols"
            )
    return reference


def make_row_label(source: ReproducedRow) -> str:
    """Return the label of a row: the method as typed and its overrides, after a submission."""
    overrides = (f"{role}={part}" for role, part in sorted(source.method.overrides.items()))
    training = f"trained on {source.trained_on.spec} *" if source.trained_on else ""
    label = " ".join(filter(None, (source.method.spec, *overrides, training)))
    return f"{source.submission}: {label}" if isinstance(source, SubmittedRow) else label


def make_column_label(column: TableColumn) -> str:
    """Return the label of a column in a message."""
    return f"{column.track.label} {column.metric}"


def _get_row_order(row: TableRow) -> tuple[bool, float, str, str]:
    first = row.cells[0]
    descending = -first.metric.value if first else 0.0
    return first is None, descending, make_row_label(row.source), row.source.method.scale
