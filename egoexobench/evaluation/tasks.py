"""What is asked: the tasks, their versions and what their numbers mean; light enough to be listed.

A mistake in a task is not repaired in place: its version goes up, so that old and new numbers
never share a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.evaluation.score import MetricUnit
from egoexobench.types import RETRIEVAL_TASKS, CandidatePolicy, ScoredTask, Split, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

TEST_SPLIT: Split = "test"
"""The split that is scored; choices are made on ``val``."""
TOP: tuple[int, ...] = (1, 5, 10)
"""The k of every top-k."""
TIES = "expected"
"""Every score is its mean over all orders of the candidates that tie."""


@dataclass(frozen=True, slots=True)
class Question:
    """What one task asks; ``primary`` is the metric that a table is sorted by."""

    asks: str
    primary: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class Unit:
    """What one metric counts, in which unit, and whether more of it is better."""

    meaning: str
    unit: MetricUnit
    higher: bool = True


QUESTIONS: Mapping[ScoredTask, Question] = {
    "eg2ex": Question("which exo video shows what this ego video shows", "hit_rate_at_1"),
    "ex2eg": Question("which ego video shows what this exo video shows", "hit_rate_at_1"),
    "association": Question("the mean of eg2ex and ex2eg, with equal weights", "hit_rate_at_1"),
    "t2v": Question("which video, ego or exo, does this text describe", "hit_rate_at_1", version=2),
    "v2t": Question("which text describes this video, ego or exo", "hit_rate_at_1", version=2),
    "scene": Question(
        "where was this ego video made (linear layer, paper eq. 13)", "hit_rate_at_1"
    ),
    "action": Question("what is done in this exo video (linear layer, paper eq. 14)", "map"),
}

METRICS: Mapping[str, Unit] = {
    "hit_rate_at_1": Unit("the first answer is right", "%"),
    "hit_rate_at_5": Unit("the right answer is among the first five", "%"),
    "hit_rate_at_10": Unit("the right answer is among the first ten", "%"),
    "median_rank": Unit("median rank of the right answer, 1 is first", "rank", higher=False),
    "mrr": Unit("mean of one over the rank of the right answer", "1"),
    "map": Unit("average precision, mean over the classes", "%"),
    "recall_at_5": Unit("a true class is among the first five, mean over the classes", "%"),
}


def policies(task: Task) -> tuple[CandidatePolicy, ...]:
    """Return the candidate policies of a task; recognition has none.

    ``mcq20`` are a data set's lists, ``gallery`` is every clip or text of the other side, and
    ``both-views`` every clip of both views, of which a text describes at least two.
    """
    if task not in RETRIEVAL_TASKS:
        return ()
    return ("mcq20", "gallery", "both-views") if task == "t2v" else ("mcq20", "gallery")
