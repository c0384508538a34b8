"""Tables of the main metrics: retrieval by candidate policy, recognition, frames by direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.evaluation.tasks import list_main_metrics
from egoexobench.leaderboard.board_table import make_board_table
from egoexobench.leaderboard.board_text import POLICY_TITLES, RECOGNITION_TITLE
from egoexobench.leaderboard.render import render_table
from egoexobench.leaderboard.table import TableColumn, build_table
from egoexobench.types import (
    FRAME_DIRECTIONS,
    FRAME_TASKS,
    JOINED_TASKS,
    RECOGNITION_TASKS,
    RETRIEVAL_TASKS,
    SCORED_TASKS,
    TrackKey,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.leaderboard.board import BoardTable
    from egoexobench.leaderboard.reproduced import ReproducedRow
    from egoexobench.types import CandidatePolicy, ScoredTask, Task


def build_headline_tables(
    rows: Sequence[ReproducedRow], tasks: Sequence[Task], *, mix_protocols: bool
) -> list[BoardTable]:
    """Return a table for each candidate policy or direction of frames, and one for recognition.

    There is no table without a score.

    Args:
        rows: Rows on one data set.
        tasks: Tasks that become columns.
        mix_protocols: Let different tracks share a column, with a note at each.

    Raises:
        DataError: if a column would mix tracks, without ``mix_protocols``.
    """
    groups: list[tuple[str, CandidatePolicy | None, list[TableColumn]]] = [
        (title, policy, _select_columns(tasks, policy)) for policy, title in POLICY_TITLES.items()
    ]
    groups.append((RECOGNITION_TITLE, None, _select_recognition_columns(tasks)))
    tables = [
        (title, policy, build_table(rows, columns, mix_protocols=mix_protocols))
        for title, policy, columns in groups
    ]
    return [make_board_table(table, title, policy) for title, policy, table in tables if table.rows]


def render_headline_tables(
    rows: Sequence[ReproducedRow], tasks: Sequence[Task], *, mix_protocols: bool
) -> str:
    """Return the tables of `build_headline_tables` as Markdown."""
    tables = build_headline_tables(rows, tasks, mix_protocols=mix_protocols)
    return "\n".join(f"### {format_title(table)}\n\n{render_table(table)}" for table in tables)


def format_title(table: BoardTable) -> str:
    """Return the title of a table as Markdown, with its candidate policy."""
    return f"{table.title} (`{table.policy}`)" if table.policy else table.title


def _select_columns(tasks: Sequence[Task], policy: CandidatePolicy) -> list[TableColumn]:
    """Return the columns under a candidate policy; for tasks on frames it is their direction."""
    group = FRAME_TASKS if policy in FRAME_DIRECTIONS else RETRIEVAL_TASKS
    selected: set[ScoredTask] = {task for task in tasks if task in group}
    selected |= {joined for joined, parts in JOINED_TASKS.items() if selected.issuperset(parts)}
    ordered = [task for task in SCORED_TASKS if task in selected]
    return [
        TableColumn(TrackKey(task, policy), metric)
        for task in ordered
        for metric in list_main_metrics(task, policy)
    ]


def _select_recognition_columns(tasks: Sequence[Task]) -> list[TableColumn]:
    return [
        TableColumn(TrackKey(task, None), metric)
        for task in tasks
        if task in RECOGNITION_TASKS
        for metric in list_main_metrics(task, None)
    ]
