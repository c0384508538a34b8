"""One table of reproduced numbers: what may share a column, and what a cell holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from egoexobench.errors import DataError
from egoexobench.leaderboard.collect import describe_differences
from egoexobench.types import TrackKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.leaderboard.reproduced import ReproducedRow, ReproducedTrack
    from egoexobench.types import CandidatePolicy, ScoredTask


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One metric of one task under one candidate policy, on the test split."""

    task: ScoredTask
    policy: CandidatePolicy | None
    metric: str


@dataclass(frozen=True, slots=True)
class TableCell:
    """A mean over ``seeds`` seeds, all in the unit of the metric.

    ``spread`` is the standard deviation over seeds and needs two; ``low`` and ``high`` bound the
    95 % interval over queries and are kept for a single seed.
    """

    mean: float
    spread: float | None
    low: float | None
    high: float | None
    seeds: int
    track: ReproducedTrack
    used: tuple[int, int] | None = None
    """Clips that were used and that there are, of the run that used the least."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One reproduced row; None where nothing was measured."""

    group: ReproducedRow
    cells: tuple[TableCell | None, ...]


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Columns, the track that each is read on, and rows."""

    columns: tuple[TableColumn, ...]
    tracks: tuple[ReproducedTrack, ...]
    lines: tuple[TableRow, ...]


def build_table(
    groups: Sequence[ReproducedRow], columns: Sequence[TableColumn], *, mix_protocols: bool = False
) -> ResultTable:
    """Return the table of some methods on one data set; columns without a number are left out.

    Rows stand in the order of their first column, best first, then by name.

    Raises:
        DataError: if rows of one column were scored on different tracks and ``mix_protocols``
            is not given.
    """
    lines = [
        TableRow(group, tuple(_make_cell(group, column) for column in columns)) for group in groups
    ]
    kept = [place for place, _ in enumerate(columns) if any(line.cells[place] for line in lines)]
    tracks = [_column_track(columns[place], place, lines, mix_protocols) for place in kept]
    rows = [TableRow(line.group, tuple(line.cells[place] for place in kept)) for line in lines]
    filled = sorted((row for row in rows if any(row.cells)), key=_row_order)
    return ResultTable(tuple(columns[place] for place in kept), tuple(tracks), tuple(filled))


def _make_cell(group: ReproducedRow, column: TableColumn) -> TableCell | None:
    for track in group.tracks:
        if track.key == TrackKey(column.task, column.policy):
            break
    else:
        return None
    found = [
        run.values[track.fingerprint][column.metric]
        for run in group.runs
        if column.metric in run.values.get(track.fingerprint, {})
    ]
    if not found:
        return None
    means = [value for value, _, _ in found]
    shares = [(run.coverage.used, run.coverage.clips) for run in group.runs if run.coverage]
    _, low, high = found[0] if len(found) == 1 else (None, None, None)
    spread = stdev(means) if len(means) > 1 else None
    used = min(shares, default=None)
    return TableCell(fmean(means), spread, low, high, len(means), track, used)


def _column_track(
    column: TableColumn, place: int, lines: Sequence[TableRow], mix: bool
) -> ReproducedTrack:
    found = [(line.group, cell) for line in lines if (cell := line.cells[place])]
    # of equally many the plainest method's, so that every column is read on the same protocol
    cells = sorted(found, key=lambda one: (len(one[0].method.overrides), row_label(one[0])))
    votes = Counter(cell.track.fingerprint for _, cell in cells)
    common = max(votes, key=lambda name: votes[name])
    group, track = max(
        ((group, cell.track) for group, cell in cells if cell.track.fingerprint == common),
        key=lambda one: one[1].n,
    )
    for other, cell in cells:
        if cell.track.fingerprint != common and not mix:
            raise DataError(
                f"column {column_label(column)} of {group.dataset.spec} mixes tracks: "
                f"{row_label(group)} and {row_label(other)} were scored by different protocols, "
                f"{describe_differences(track, cell.track)}; run one of them again, or use "
                "--mix-protocols"
            )
    return track


def row_label(group: ReproducedRow) -> str:
    """Return what a row is called: the method as asked and what was overridden."""
    overrides = (f"{role}={part}" for role, part in sorted(group.method.overrides.items()))
    other = f"trained on {group.trained_on.spec} *" if group.trained_on else ""
    return " ".join(filter(None, (group.method.spec, *overrides, other)))


def column_label(column: TableColumn) -> str:
    """Return what a column is called in a message."""
    return " ".join(part for part in (column.task, column.policy, column.metric) if part)


def _row_order(line: TableRow) -> tuple[bool, float, str, str]:
    first = line.cells[0]
    best = -first.mean if first else 0.0
    return first is None, best, row_label(line.group), line.group.method.scale
