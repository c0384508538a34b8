"""The table that a sweep ends in: laid out as printed, reproduced and reported visibly apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from egoexobench.leaderboard.collect import reproduced
from egoexobench.leaderboard.markdown import DASH, escape, table
from egoexobench.leaderboard.render import DIGITS, counts
from egoexobench.leaderboard.table import Column as Place
from egoexobench.leaderboard.table import build
from egoexobench.sweep.estimates import Estimate, Series, estimate
from egoexobench.sweep.results import Filled, chance, column
from egoexobench.sweep.schema import parts
from egoexobench.values import RECOGNITION

if TYPE_CHECKING:
    from egoexobench.leaderboard.reported import Reported
    from egoexobench.leaderboard.reproduced import Reproduced, Track
    from egoexobench.records.schema import Record
    from egoexobench.sweep.schema import Column, Group, Metric, Row, Sweep
    from egoexobench.values import Task

HEADS: Mapping[str, str] = {
    "eg2ex": "Eg2Ex",
    "ex2eg": "Ex2Eg",
    "t2v": "T2V",
    "v2t": "V2T",
    "scene": "Ego-Scene",
    "action": "Exo-Action",
    "avg": "Avg",
}
"""As the paper prints them."""


def grid(filled: Filled, printed: Reported | None) -> str:
    """Return the table; below the rows stand chance, and how many were asked among how many.

    Raises:
        DataError: if rows of one column were scored on different tracks.
    """
    sweep = filled.plan.sweep
    head = [escape(sweep.label), "Seeds", *_heads(sweep, printed)]
    rows = list(_rows(filled, printed))
    rows += _foot(filled, printed)
    return table(head, rows)


def _heads(sweep: Sweep, printed: Reported | None) -> Iterator[str]:
    for group in sweep.groups:
        for name in group.columns:
            yield f"{escape(group.label)} {HEADS[name]}, **reproduced**"
    if printed:
        for one in printed.columns:
            yield f"*{escape(f'{printed.datasets[one.dataset]} {one.header}')}, reported*"


def _rows(filled: Filled, printed: Reported | None) -> Iterator[list[str]]:
    sweep, section = filled.plan.sweep, None
    wide = sum(len(group.columns) for group in sweep.groups)
    wide += len(printed.columns) if printed else 0
    for row in sweep.rows:
        if row.section != section and row.section:
            yield [f"**{escape(row.section)}**", *[""] * (wide + 1)]
        section = row.section
        ours = [
            _cell(column(filled, row.key, group, name), group.metric)
            for group in sweep.groups
            for name in group.columns
        ]
        yield [called(row), _seeds(filled, row), *ours, *_theirs(row, printed)]


def called(row: Row) -> str:
    """Return a row's name as Markdown; an asterisk where it was trained on other data."""
    star = "*" if row.transfer and not row.label.endswith("*") else ""
    return escape(row.label + star)


def _cell(found: Series | None, metric: Metric) -> str:
    if found is None:
        return DASH
    unit = "1" if metric == "mrr" else "%"
    one = estimate(found, bounds=(0.0, 1.0 if unit == "1" else 100.0))
    return f"{one.mean:.{DIGITS[unit]}f} {interval(one, DIGITS[unit])}"


def interval(one: Estimate, digits: int) -> str:
    """Return an interval as Markdown."""
    return f"\\[{one.low:.{digits}f}, {one.high:.{digits}f}\\]"


def _seeds(filled: Filled, row: Row) -> str:
    """How many seeds a row has, of how many, where data sets differ the range."""
    cells = {place: c for place, c in filled.plan.cells.items() if place[0] == row.key}
    if not any(filled.kept[place] for place in cells):
        return DASH
    had = {len(filled.kept[place]) for place in cells}
    wanted = max(len(one) for one in cells.values())
    return counts(had) if had == {wanted} else f"{counts(had)} of {wanted}"


def _theirs(row: Row, printed: Reported | None) -> list[str]:
    if printed is None:
        return []
    values = next((one.values for one in printed.rows if one.name == row.reported), {})
    found = [values.get(one.dataset, {}).get(one.key) for one in printed.columns]
    return [DASH if value is None else f"*{value}*" for value in found]


def _foot(filled: Filled, printed: Reported | None) -> Iterator[list[str]]:
    places = [(group, name) for group in filled.plan.sweep.groups for name in group.columns]
    theirs = printed.columns if printed else ()
    guess = [chance(filled, group, name) for group, name in places]
    yield [
        "*chance*",
        DASH,
        *(DASH if one is None else f"{one:.1f}" for one in guess),
        *(f"*{100 / one.candidates:.1f}*" if one.candidates else DASH for one in theirs),
    ]
    tracks = [_tracks(filled, group, name) for group, name in places]
    yield [
        "*n / candidates*",
        DASH,
        *(
            f"{sum(t.n for t in found)} / {counts([c for t in found for c in t.candidates])}"
            if found
            else DASH
            for found in tracks
        ),
        *(f"*{one.queries} / {one.candidates}*" if one.queries else DASH for one in theirs),
    ]


def _tracks(filled: Filled, group: Group, name: Column) -> list[Track]:
    """The tracks of a column, one for all its rows, or an error that says in what they differ."""
    found: list[Track] = []
    for task in parts(group, name):
        policy = None if task in RECOGNITION else group.policy
        board = build(_groups(filled, group, task), [Place(task, policy, group.metric)])
        found += board.tracks
    return found


def _groups(filled: Filled, group: Group, task: Task) -> list[Reproduced]:
    return [
        reproduced(_only(one.record, task) for records in kept.values() for one in records)
        for (_, key), kept in filled.kept.items()
        if key == group.key and kept
    ]


def _only(record: Record, task: Task) -> Record:
    scores = tuple(score for score in record.scores if score.task == task)
    return record.model_copy(update={"scores": scores})
