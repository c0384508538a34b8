"""One table of reproduced numbers: what may share a column, and what a cell holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from egoexobench.errors import DataError
from egoexobench.leaderboard.collect import differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.leaderboard.reproduced import Reproduced, Track
    from egoexobench.values import Measured, Policy


@dataclass(frozen=True, slots=True)
class Column:
    """One metric of one task under one candidate policy, on the test split."""

    task: Measured
    policy: Policy | None
    metric: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A mean over ``seeds`` seeds, all in the unit of the metric.

    ``spread`` is the standard deviation over seeds and needs two; ``low`` and ``high`` bound the
    95 % interval over queries and are kept for a single seed.
    """

    mean: float
    spread: float | None
    low: float | None
    high: float | None
    seeds: int
    track: Track
    used: tuple[int, int] | None = None
    """Clips that were used and that there are, of the run that used the least."""


@dataclass(frozen=True, slots=True)
class Line:
    """One reproduced row; None where nothing was measured."""

    group: Reproduced
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """Columns, the track that each is read on, and rows."""

    columns: tuple[Column, ...]
    tracks: tuple[Track, ...]
    lines: tuple[Line, ...]


def build(
    groups: Sequence[Reproduced], columns: Sequence[Column], *, mix_protocols: bool = False
) -> Board:
    """Return the table of some methods on one data set; columns without a number are left out.

    Rows stand in the order of their first column, best first, then by name.

    Raises:
        DataError: if rows of one column were scored on different tracks and ``mix_protocols``
            is not given.
    """
    lines = [Line(group, tuple(_cell(group, column) for column in columns)) for group in groups]
    kept = [place for place, _ in enumerate(columns) if any(line.cells[place] for line in lines)]
    tracks = [_track(columns[place], place, lines, mix_protocols) for place in kept]
    rows = [Line(line.group, tuple(line.cells[place] for place in kept)) for line in lines]
    filled = sorted((row for row in rows if any(row.cells)), key=_order)
    return Board(tuple(columns[place] for place in kept), tuple(tracks), tuple(filled))


def _cell(group: Reproduced, column: Column) -> Cell | None:
    for track in group.tracks:
        if (track.task, track.policy, track.split) == (column.task, column.policy, "test"):
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
    return Cell(fmean(means), spread, low, high, len(means), track, used)


def _track(column: Column, place: int, lines: Sequence[Line], mix: bool) -> Track:
    found = [(line.group, cell) for line in lines if (cell := line.cells[place])]
    # of equally many the plainest method's, so that every column is read on the same protocol
    cells = sorted(found, key=lambda one: (len(one[0].method.overrides), title(one[0])))
    votes = Counter(cell.track.fingerprint for _, cell in cells)
    common = max(votes, key=lambda name: votes[name])
    group, track = max(
        ((group, cell.track) for group, cell in cells if cell.track.fingerprint == common),
        key=lambda one: one[1].n,
    )
    for other, cell in cells:
        if cell.track.fingerprint != common and not mix:
            raise DataError(
                f"column {label(column)} of {group.dataset.spec} mixes tracks: "
                f"{title(group)} and {title(other)} were scored by different protocols, "
                f"{differences(track, cell.track)}; run one of them again, or give --mix-protocols"
            )
    return track


def title(group: Reproduced) -> str:
    """Return what a row is called: the method as asked and what was overridden."""
    overrides = (f"{role}={part}" for role, part in sorted(group.method.overrides.items()))
    other = f"trained on {group.trained_on.spec} *" if group.trained_on else ""
    return " ".join(filter(None, (group.method.spec, *overrides, other)))


def label(column: Column) -> str:
    """Return what a column is called in a message."""
    return " ".join(part for part in (column.task, column.policy, column.metric) if part)


def _order(line: Line) -> tuple[bool, float, str, str]:
    first = line.cells[0]
    best = -first.mean if first else 0.0
    return first is None, best, title(line.group), line.group.method.scale
