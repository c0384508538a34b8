"""The tasks, their versions and the meaning of their metrics; light enough to be listed.

A mistake in a task is not repaired in place: the version of the task goes up, so that old and new
numbers never share a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from egoexobench.data.candidate_lists import list_own_policies
from egoexobench.evaluation.results import MetricUnit
from egoexobench.types import (
    FRAME_TASKS,
    GRADED_POLICY,
    LISTED_POLICIES,
    RETRIEVAL_TASKS,
    CandidatePolicy,
    FrameTask,
    ScoredTask,
    Split,
    Task,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from egoexobench.protocols import Dataset

TEST_SPLIT: Split = "test"
"""The only split that is scored; choices are made on ``val``."""
TOP_K: tuple[int, ...] = (1, 5, 10)
"""The k of every hit rate."""
SCORER_POLICIES: tuple[CandidatePolicy, ...] = (*LISTED_POLICIES, "rerank@100")
"""The candidate policies under which a scorer ranks, if a method has one."""
RERANKED_TOP_K: tuple[int, ...] = (*TOP_K, 100)
"""The same under ``rerank@100``; the last is the recall of the first stage."""
FIVE_CANDIDATE_POLICIES: tuple[CandidatePolicy, ...] = ("inter-video", "intra-video")
"""Lists of 5 candidates, where a hit rate at 5 says nothing."""

GRADED_METRICS = ("mir_map", "ndcg")
"""The metrics of graded relevance, beside those of ranks."""

TIE_RULE = "expected"
"""Every score is its mean over all orders of the candidates that tie."""
FIRST_TIE_RULE = "first"
"""Of the frames that are equally near, the first in the video counts, as in AE2."""


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """The question of one task; tables are sorted by the ``primary`` metric.

    ``secondary`` metrics stand beside the primary one in every table.
    """

    description: str
    primary: str
    version: int = 1
    secondary: tuple[str, ...] = ()
    ties: str = TIE_RULE


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """Meaning and unit of one metric."""

    meaning: str
    unit: MetricUnit
    higher_is_better: bool = True
    limits: tuple[float, float] | None = None
    """Smallest and largest value; None: those of the unit."""


TASKS_INFO: Mapping[ScoredTask, TaskInfo] = {
    "eg2ex": TaskInfo("which exo video shows what this ego video shows", "hit_rate_at_1"),
    "ex2eg": TaskInfo("which ego video shows what this exo video shows", "hit_rate_at_1"),
    "association": TaskInfo("the mean of eg2ex and ex2eg, with equal weights", "hit_rate_at_1"),
    "t2v": TaskInfo("which video, ego or exo, does this text describe", "hit_rate_at_1", version=2),
    "v2t": TaskInfo("which text describes this video, ego or exo", "hit_rate_at_1", version=2),
    "text-video": TaskInfo(
        "the mean of t2v and v2t, with equal weights, where both have graded relevance",
        "hit_rate_at_1",
    ),
    "scene": TaskInfo(
        "where was this ego video made (linear layer, paper eq. 13)", "hit_rate_at_1"
    ),
    # Top-1 as in the paper (5.1.1, Table 3). Any verb of a clip with several counts as right, so a
    # constant answer can be right on half of the clips. In mAP a constant answer is at chance.
    "action": TaskInfo(
        "what is done in this exo video (linear layer, paper eq. 14)",
        "hit_rate_at_1",
        secondary=("map",),
    ),
    "phase": TaskInfo("in which phase is this frame (support vector classifier, AE2)", "phase_f1"),
    "frame-retrieval": TaskInfo(
        "which frames of other videos are in the phase of this frame", "map_at_10"
    ),
    "progression": TaskInfo(
        "how far is this frame from the end of each phase (linear regression, AE2)",
        "progression_r2",
    ),
    "alignment": TaskInfo(
        "do the nearest frames in another video come in the same order",
        "kendall_tau",
        ties=FIRST_TIE_RULE,
    ),
}

METRICS_INFO: Mapping[str, MetricInfo] = {
    "hit_rate_at_1": MetricInfo("the first answer is right", "%"),
    "hit_rate_at_5": MetricInfo("the right answer is among the first five", "%"),
    "hit_rate_at_10": MetricInfo("the right answer is among the first ten", "%"),
    "hit_rate_at_100": MetricInfo(
        "the right answer is among the first hundred; with rerank@100 what the first stage finds",
        "%",
    ),
    "median_rank": MetricInfo(
        "median rank of the right answer, 1 is first", "rank", higher_is_better=False
    ),
    "mrr": MetricInfo("mean of one over the rank of the right answer", "1"),
    "mir_map": MetricInfo(
        "average precision with graded relevance, mean over the queries (EPIC-KITCHENS-100)", "%"
    ),
    "ndcg": MetricInfo("discounted cumulative gain of graded relevance over the best one", "%"),
    "map": MetricInfo("average precision, mean over the classes", "%"),
    "recall_at_5": MetricInfo("a true class is among the first five, mean over the classes", "%"),
    "phase_f1": MetricInfo("F1 of the phases, weighted by their frames", "%"),
    "map_at_10": MetricInfo(
        "average precision among the first ten frames, over those that are right", "%"
    ),
    "map_at_5": MetricInfo("the same among the first five", "%"),
    "map_at_15": MetricInfo("the same among the first fifteen", "%"),
    "progression_r2": MetricInfo(
        "R2 of the time to the end of a phase, mean over the phases", "1", limits=(-inf, 1.0)
    ),
    "kendall_tau": MetricInfo(
        "Kendall's tau-b of frames and their nearest frames, mean over pairs of videos",
        "1",
        limits=(-1.0, 1.0),
    ),
}


def list_candidate_policies(task: Task, dataset: Dataset) -> tuple[CandidatePolicy, ...]:
    """Return the candidate policies of a task on a data set; recognition has none.

    ``mcq20`` are the lists of the data set, ``gallery`` is every clip or text of the other side,
    and ``both-views`` is every clip of both views, of which at least two match a text. A method
    with a scorer has ``rerank@100``, too: the same queries as ``gallery``, whose first hundred
    candidates the scorer puts into another order. A data set may have lists by rules of its own
    (`egoexobench.protocols.HasCandidateLists`).

    Raises:
        PartError: if the data set names a policy that is not one of candidate lists.
    """
    if task not in RETRIEVAL_TASKS:
        return ()
    own = list_own_policies(dataset, task)
    both_views: tuple[CandidatePolicy, ...] = ("both-views",) if task == "t2v" else ()
    return ("mcq20", "gallery", *both_views, *own)


def list_main_metrics(
    task: ScoredTask, policy: CandidatePolicy | None
) -> tuple[str, *tuple[str, ...]]:
    """Return the metrics that a table shows, the one by which it is sorted first."""
    if policy == GRADED_POLICY:
        return GRADED_METRICS
    return TASKS_INFO[task].primary, *TASKS_INFO[task].secondary


def find_frame_task(task: ScoredTask) -> FrameTask | None:
    """Return the task if it is one on frames; None otherwise."""
    return next((name for name in FRAME_TASKS if name == task), None)


def list_top_k(policy: CandidatePolicy) -> tuple[int, ...]:
    """Return the k of every hit rate under a candidate policy."""
    if policy in FIVE_CANDIDATE_POLICIES:
        return TOP_K[:1]
    return RERANKED_TOP_K if policy == "rerank@100" else TOP_K
