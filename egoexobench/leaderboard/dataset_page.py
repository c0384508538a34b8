"""Every reproduced number on one data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.evaluate.tasks import QUESTIONS
from egoexobench.leaderboard import provenance
from egoexobench.leaderboard.markdown import escape, page
from egoexobench.leaderboard.render import block, code
from egoexobench.leaderboard.table import Column, build
from egoexobench.values import ACROSS, MEASURED, RECOGNITION, RETRIEVAL, TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from egoexobench.leaderboard.reproduced import Reproduced
    from egoexobench.values import Measured, Policy, Task

POLICIES: tuple[tuple[Policy, str], ...] = (
    ("gallery", "against every clip of the other side (`gallery`)"),
    ("mcq20", "among 20 listed candidates (`mcq20`)"),
    ("either", "of a text against every clip of both views, of which two are right (`either`)"),
)


def dataset_page(name: str, groups: Sequence[Reproduced], *, mix_protocols: bool) -> str:
    """Return the page of a data set: headline numbers, every metric, where they come from."""
    heading = f"Reproduced on the data set {escape(name)}"
    sections = [_section(spec, found, mix_protocols) for spec, found in by_dataset(groups)]
    return page(heading, *(sections or ["No run is recorded here yet.\n"]))


def by_dataset(groups: Iterable[Reproduced]) -> list[tuple[str, list[Reproduced]]]:
    """Return rows by data set as asked for, sorted."""
    found: dict[str, list[Reproduced]] = {}
    for group in groups:
        found.setdefault(group.dataset.spec, []).append(group)
    return sorted(found.items())


def headlines(
    groups: Sequence[Reproduced],
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
    shown: set[Measured] = {task for task in tasks if task in RETRIEVAL}
    if shown.issuperset(ACROSS):
        shown.add("association")
    retrieval = [task for task in MEASURED if task in shown]
    tables = [
        (
            f"Retrieval {words}",
            [Column(task, policy, QUESTIONS[task].primary) for task in retrieval],
        )
        for policy, words in POLICIES
    ]
    recognition = [
        Column(task, None, metric)
        for task in tasks
        if task in RECOGNITION
        for metric in dict.fromkeys((QUESTIONS[task].primary, *metrics))
    ]
    tables.append(("Recognition by a linear layer", recognition))
    return "\n".join(
        f"### {words}\n\n{block(board)}"
        for words, columns in tables
        if (board := build(groups, columns, mix_protocols=mix_protocols)).lines
    )


def _section(spec: str, groups: Sequence[Reproduced], mix: bool) -> str:
    return "\n".join(
        (
            f"## {code(spec)}\n",
            headlines(groups, TASKS, mix_protocols=mix),
            f"## Every metric on {code(spec)}\n",
            *_details(groups, mix),
            f"## Where the numbers on {code(spec)} come from\n",
            provenance.runs(groups),
            provenance.tracks(groups),
        )
    )


def _details(groups: Sequence[Reproduced], mix: bool) -> Iterator[str]:
    metrics: dict[tuple[Measured, Policy | None], dict[str, None]] = {}
    for track in (track for group in groups for track in group.tracks):
        metrics.setdefault((track.task, track.policy), {}).update(dict.fromkeys(track.levels))
    for task, policy in sorted(
        metrics, key=lambda place: (MEASURED.index(place[0]), place[1] or "")
    ):
        columns = [Column(task, policy, metric) for metric in metrics[task, policy]]
        board = build(groups, columns, mix_protocols=mix)
        if board.lines:
            words = ", ".join(filter(None, (task, policy)))
            yield f"### {words}\n\n{block(board, tasks=False)}"
