"""Tells the user what a table of scores does not show, and what a training cannot learn."""

from __future__ import annotations

from collections.abc import Sequence

from egoexobench.data.candidate_lists import list_own_policies
from egoexobench.data.unfair_queries import format_unfair_note
from egoexobench.errors import notify
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.scoring import ScoringResult
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.protocols import Dataset, HasIdleWeights
from egoexobench.types import (
    RETRIEVAL_TASKS,
    VIEWS,
    CandidatePolicy,
    Task,
    TokenCase,
    TrackKey,
)

FEW_QUERIES = 20
"""With fewer queries, an interval says little."""


def notify_about_scores(
    scoring: ScoringResult, tasks: Sequence[Task], dataset: Dataset, name: str
) -> None:
    """Tell about queries that are left out, tracks that do not exist and tracks with few queries.

    Args:
        scoring: the scores.
        tasks: the tasks that were asked for.
        dataset: the data set, which may have lists of candidates of its own.
        name: its registered name.
    """
    if scoring.unfair:
        notify(format_unfair_note(scoring.unfair))
    for policy, absent in _list_absent_lists(scoring, tasks, dataset).items():
        notify(
            f"no {policy} score of {', '.join(absent)}: {name} has no list of candidates in split "
            f"{TEST_SPLIT} that can be scored"
        )
    few = [r.track.key.label for r in scoring.tracks if r.score.num_queries < FEW_QUERIES]
    if few:
        notify(
            f"fewer than {FEW_QUERIES} queries or clips, so that intervals say little: "
            f"{', '.join(few)}"
        )


def _list_absent_lists(
    scoring: ScoringResult, tasks: Sequence[Task], dataset: Dataset
) -> dict[CandidatePolicy, list[Task]]:
    """Return the tasks without a score on lists by policy: the data set's own, or else mcq20."""
    keys = {result.track.key for result in scoring.tracks}
    scored = {key.task for key in keys}
    absent: dict[CandidatePolicy, list[Task]] = {}
    for task in tasks:
        if task in RETRIEVAL_TASKS and task in scored:
            for policy in list_own_policies(dataset, task) or ("mcq20",):
                if TrackKey(task, policy) not in keys:
                    absent.setdefault(policy, []).append(task)
    return absent


def notify_about_single_tokens(model: EmbeddingModel, features: FeatureInputs) -> None:
    """Tell which weights of the video fusion nothing trains, because each clip has one token.

    Only frozen encoders are looked at: the tokens of others do not exist yet.
    """
    role = f"video-{VIEWS[0]}"
    fusion = dict(model.fusions.items()).get(role)
    if not isinstance(fusion, HasIdleWeights):
        return
    cases: dict[TokenCase, str] = {"one-query-token": "audio", "one-context-token": "video"}
    for case, encoder_role in cases.items():
        bank = features.audio if encoder_role == "audio" else features.video
        names = fusion.idle_weights.get(case, ())
        if names and bank and bank.max_length == 1 and model.frozen.get(encoder_role):
            notify(
                f"the encoder of role {encoder_role} gives one token a clip, so nothing trains "
                f"{', '.join(names)} of video_fusion={model.method.video_fusion}: the softmax over "
                "one key is 1"
            )
