"""Tells the user what a table of scores does not show."""

from __future__ import annotations

from collections.abc import Sequence

from egoexobench.data.unfair_queries import format_unfair_note
from egoexobench.errors import notify
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.scoring import ScoringResult
from egoexobench.types import GRADED_POLICY, LISTED_POLICIES, RETRIEVAL_TASKS, Task

FEW_QUERIES = 20
"""With fewer queries, an interval says little."""


def notify_about_scores(scoring: ScoringResult, tasks: Sequence[Task], dataset: str) -> None:
    """Tell about queries that are left out, tracks that do not exist and tracks with few queries.

    Args:
        scoring: the scores.
        tasks: the tasks that were asked for.
        dataset: registered name of the data set.
    """
    if scoring.unfair:
        notify(format_unfair_note(scoring.unfair))
    keys = {result.track.key for result in scoring.tracks}
    scored = {key.task for key in keys}
    listed = {key.task for key in keys if key.policy in (*LISTED_POLICIES, GRADED_POLICY)}
    absent = [t for t in tasks if t in RETRIEVAL_TASKS and t in scored and t not in listed]
    if absent:
        notify(
            f"no mcq20 score of {', '.join(absent)}: {dataset} has no list of candidates in split "
            f"{TEST_SPLIT} that can be scored"
        )
    few = [r.track.key.label for r in scoring.tracks if r.score.num_queries < FEW_QUERIES]
    if few:
        notify(
            f"fewer than {FEW_QUERIES} queries or clips, so that intervals say little: "
            f"{', '.join(few)}"
        )
