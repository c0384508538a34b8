"""Tables of the main metrics of each task: retrieval by candidate policy, and recognition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.evaluation.tasks import TASKS_INFO
from egoexobench.leaderboard.render import render_table
from egoexobench.leaderboard.table import TableColumn, build_table
from egoexobench.types import (
    CROSS_VIEW_TASKS,
    RECOGNITION_TASKS,
    RETRIEVAL_TASKS,
    SCORED_TASKS,
    TrackKey,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.leaderboard.reproduced import ReproducedRow
    from egoexobench.types import CandidatePolicy, ScoredTask, Task

POLICY_DESCRIPTIONS: tuple[tuple[CandidatePolicy, str], ...] = (
    ("gallery", "against all clips of the other side (`gallery`)"),
    ("mcq20", "among 20 listed candidates (`mcq20`)"),
    ("both-views", "of a text against all clips of both views, two are right (`both-views`)"),
    ("rerank@100", "of the gallery, whose first 100 a scorer puts in order (`rerank@100`)"),
)


def render_headline_tables(
    rows: Sequence[ReproducedRow],
    tasks: Sequence[Task],
    *,
    mix_protocols: bool,
) -> str:
    """Return a table for each candidate policy and one for recognition.

    Args:
        rows: Rows on one data set.
        tasks: Tasks that become columns.
        mix_protocols: Let different tracks share a column, with a footnote at each.
    """
    groups = [*_select_retrieval_columns(tasks), _select_recognition_columns(tasks)]
    tables = [
        (title, build_table(rows, columns, mix_protocols=mix_protocols))
        for title, columns in groups
    ]
    return "\n".join(
        f"### {title}\n\n{render_table(table)}" for title, table in tables if table.rows
    )


def _select_retrieval_columns(tasks: Sequence[Task]) -> list[tuple[str, list[TableColumn]]]:
    selected: set[ScoredTask] = {task for task in tasks if task in RETRIEVAL_TASKS}
    if selected.issuperset(CROSS_VIEW_TASKS):
        selected.add("association")
    ordered = [task for task in SCORED_TASKS if task in selected]
    return [
        (
            f"Retrieval {description}",
            [TableColumn(TrackKey(task, policy), TASKS_INFO[task].primary) for task in ordered],
        )
        for policy, description in POLICY_DESCRIPTIONS
    ]


def _select_recognition_columns(tasks: Sequence[Task]) -> tuple[str, list[TableColumn]]:
    columns = [
        TableColumn(TrackKey(task, None), metric)
        for task in tasks
        if task in RECOGNITION_TASKS
        for metric in (TASKS_INFO[task].primary, *TASKS_INFO[task].secondary)
    ]
    return "Recognition by a linear layer", columns
