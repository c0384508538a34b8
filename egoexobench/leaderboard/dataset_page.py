"""The page of all reproduced scores on one data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.evaluation.tasks import TASKS_INFO
from egoexobench.leaderboard import provenance
from egoexobench.leaderboard.markdown import escape_markdown, render_page
from egoexobench.leaderboard.render import format_code, render_table
from egoexobench.leaderboard.table import TableColumn, build_table
from egoexobench.types import (
    CROSS_VIEW_TASKS,
    RECOGNITION_TASKS,
    RETRIEVAL_TASKS,
    SCORED_TASKS,
    TASKS,
    TrackKey,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from egoexobench.leaderboard.reproduced import ReproducedRow
    from egoexobench.types import CandidatePolicy, ScoredTask, Task

POLICY_DESCRIPTIONS: tuple[tuple[CandidatePolicy, str], ...] = (
    ("gallery", "against all clips of the other side (`gallery`)"),
    ("mcq20", "among 20 listed candidates (`mcq20`)"),
    ("both-views", "of a text against all clips of both views, two are right (`both-views`)"),
)


def render_dataset_page(name: str, rows: Sequence[ReproducedRow], *, mix_protocols: bool) -> str:
    """Return the page of a data set: headline scores, every metric, provenance."""
    heading = f"Reproduced on the data set {escape_markdown(name)}"
    sections = [
        _render_section(spec, group, mix_protocols) for spec, group in group_by_dataset(rows)
    ]
    return render_page(heading, *(sections or ["There is no record yet.\n"]))


def group_by_dataset(rows: Iterable[ReproducedRow]) -> list[tuple[str, list[ReproducedRow]]]:
    """Return rows by the spec of their data set, sorted."""
    groups: dict[str, list[ReproducedRow]] = {}
    for row in rows:
        groups.setdefault(row.dataset.spec, []).append(row)
    return sorted(groups.items())


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


def _render_section(spec: str, rows: Sequence[ReproducedRow], mix_protocols: bool) -> str:
    return "\n".join(
        (
            f"## {format_code(spec)}\n",
            render_headline_tables(rows, TASKS, mix_protocols=mix_protocols),
            f"## Every metric on {format_code(spec)}\n",
            *_render_metric_tables(rows, mix_protocols),
            f"## Where the scores on {format_code(spec)} come from\n",
            provenance.render_run_table(rows),
            provenance.render_track_table(rows),
        )
    )


def _render_metric_tables(rows: Sequence[ReproducedRow], mix_protocols: bool) -> Iterator[str]:
    metrics: dict[TrackKey, dict[str, None]] = {}
    for track in (track for row in rows for track in row.tracks):
        key = TrackKey(track.task, track.policy)
        metrics.setdefault(key, {}).update(dict.fromkeys(track.references))
    for key in sorted(metrics, key=lambda key: (SCORED_TASKS.index(key.task), key.policy or "")):
        columns = [TableColumn(key, metric) for metric in metrics[key]]
        table = build_table(rows, columns, mix_protocols=mix_protocols)
        if table.rows:
            title = ", ".join(filter(None, (key.task, key.policy)))
            yield f"### {title}\n\n{render_table(table, show_tasks=False)}"
