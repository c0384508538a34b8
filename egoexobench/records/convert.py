"""Converts results of the evaluation to the form in which a record has them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from egoexobench.evaluation.results import Score
from egoexobench.evaluation.tracks import Track
from egoexobench.records.schema import QueryRank, ScoreRecord, SubsetScore
from egoexobench.records.top_file import TopCandidates, round_score
from egoexobench.types import JOINED_TASKS, RETRIEVAL_TASKS, ScoredTask, Task

if TYPE_CHECKING:
    from egoexobench.evaluation.query_ranking import CandidateList


def to_record_score(track: Track, score: Score) -> ScoreRecord:
    """Return the score of a track, with the scores of its subsets."""
    return ScoreRecord(
        task=track.task,
        policy=track.policy,
        split=track.split,
        track=track_to_dict(track),
        track_fingerprint=track.fingerprint,
        tie_rule=track.ties,
        num_special=dict(score.num_special),
        by_subset={
            name: SubsetScore(**_extract_counts(subset)) for name, subset in score.by_subset.items()
        },
        **_extract_counts(score),
    )


def to_record_ranks(track: Track, score: Score) -> list[QueryRank]:
    """Return the rank of every query of a track.

    The queries of a task that joins two others are recorded with these.
    """
    task = track.task
    if not _is_single(task):
        return []
    return [
        QueryRank(
            task=task,
            policy=track.policy,
            source=row.source,
            positives=row.positive_ids,
            optimistic=row.optimistic,
            pessimistic=row.pessimistic,
            num_candidates=row.num_candidates,
            num_positives=row.num_positives,
            num_tied_positives=row.num_tied_positives,
            top1_probability=row.top1_probability,
            cluster=row.cluster,
            average_precision=_clip_share(row.average_precision),
            ndcg=_clip_share(row.ndcg),
        )
        for row in score.query_results
    ]


def _is_single(task: ScoredTask) -> TypeGuard[Task]:
    return task not in JOINED_TASKS


def _clip_share(value: float | None) -> float | None:
    """A sum of shares may exceed 1 by rounding."""
    return None if value is None else min(max(value, 0.0), 1.0)


def to_top_candidates(
    track: Track, score: Score, top: Sequence[CandidateList]
) -> list[TopCandidates]:
    """Return the first candidates of every query of a track; none if nobody kept them."""
    if track.task not in RETRIEVAL_TASKS or track.policy is None or not top:
        return []
    return [
        TopCandidates(
            task=track.task,
            policy=track.policy,
            source=row.source,
            positives=row.positive_ids,
            candidates=tuple((name, round_score(value)) for name, value in candidates),
        )
        for row, candidates in zip(score.query_results, top, strict=True)
    ]


def track_to_dict(track: Track) -> dict[str, Any]:
    """Return everything that defines a track."""
    fields: dict[str, Any] = json.loads(track.text)
    return fields


def _extract_counts(score: Score) -> dict[str, Any]:
    return {
        "num_queries": score.num_queries,
        "num_clusters": score.num_clusters,
        "candidate_range": score.candidate_range,
        "num_dropped": score.num_dropped,
        "num_missing_candidates": score.num_missing_candidates,
        "metrics": dict(score.metrics),
    }
