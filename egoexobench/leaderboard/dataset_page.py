"""Every reproduced number on one data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.evaluation.tasks import QUESTIONS
from egoexobench.leaderboard import provenance
from egoexobench.leaderboard.markdown import escape_markdown, render_page
from egoexobench.leaderboard.render import inline_code, render_table
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
    ("gallery", "against every clip of the other side (`gallery`)"),
    ("mcq20", "among 20 listed candidates (`mcq20`)"),
    ("either", "of a text against every clip of both views, of which two are right (`either`)"),
)


def dataset_page(name: str, groups: Sequence[ReproducedRow], *, mix_protocols: bool) -> str:
    """Return the page of a data set: headline numbers, every metric, where they come from."""
    heading = f"Reproduced on the data set {escape_markdown(name)}"
    sections = [
        _dataset_section(spec, found, mix_protocols) for spec, found in group_by_dataset(groups)
    ]
    return render_page(heading, *(sections or ["No run is recorded here yet.\n"]))


def group_by_dataset(groups: Iterable[ReproducedRow]) -> list[tuple[str, list[ReproducedRow]]]:
    """Return rows by data set as asked for, sorted."""
    found: dict[str, list[ReproducedRow]] = {}
    for group in groups:
        found.setdefault(group.dataset.spec, []).append(group)
    return sorted(found.items())


def headline_tables(
    groups: Sequence[ReproducedRow],
    tasks: Sequence[Task],
    metrics: Sequence[str] = (),
    *,
    mix_protocols: bool,
) -> str:
    """Return a table for each candidate policy and one for recognition.

    Args:
        groups: Rows on one data set.
        tasks: Which tasks become columns.
        metrics: Metrics to show beside the primary one of a recognition task.
        mix_protocols: Let different tracks share a column, with a footnote at each.
    """
    shown: set[ScoredTask] = {task for task in tasks if task in RETRIEVAL_TASKS}
    if shown.issuperset(CROSS_VIEW_TASKS):
        shown.add("association")
    retrieval = [task for task in SCORED_TASKS if task in shown]
    tables = [
        (
            f"Retrieval {words}",
            [TableColumn(task, policy, QUESTIONS[task].primary) for task in retrieval],
        )
        for policy, words in POLICY_DESCRIPTIONS
    ]
    recognition = [
        TableColumn(task, None, metric)
        for task in tasks
        if task in RECOGNITION_TASKS
        for metric in dict.fromkeys((QUESTIONS[task].primary, *metrics))
    ]
    tables.append(("Recognition by a linear layer", recognition))
    return "\n".join(
        f"### {words}\n\n{render_table(board)}"
        for words, columns in tables
        if (board := build_table(groups, columns, mix_protocols=mix_protocols)).lines
    )


def _dataset_section(spec: str, groups: Sequence[ReproducedRow], mix: bool) -> str:
    return "\n".join(
        (
            f"## {inline_code(spec)}\n",
            headline_tables(groups, TASKS, mix_protocols=mix),
            f"## Every metric on {inline_code(spec)}\n",
            *_metric_tables(groups, mix),
            f"## Where the numbers on {inline_code(spec)} come from\n",
            provenance.run_table(groups),
            provenance.track_table(groups),
        )
    )


def _metric_tables(groups: Sequence[ReproducedRow], mix: bool) -> Iterator[str]:
    metrics: dict[TrackKey, dict[str, None]] = {}
    for track in (track for group in groups for track in group.tracks):
        key = TrackKey(track.task, track.policy)
        metrics.setdefault(key, {}).update(dict.fromkeys(track.levels))
    for key in sorted(metrics, key=lambda key: (SCORED_TASKS.index(key.task), key.policy or "")):
        columns = [TableColumn(key.task, key.policy, metric) for metric in metrics[key]]
        board = build_table(groups, columns, mix_protocols=mix)
        if board.lines:
            words = ", ".join(filter(None, (key.task, key.policy)))
            yield f"### {words}\n\n{render_table(board, tasks=False)}"
