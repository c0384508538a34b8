"""Converts results of the evaluation to the form in which a record has them."""

from __future__ import annotations

import json
from typing import Any

from egoexobench.evaluation.score import Score
from egoexobench.evaluation.tracks import Track
from egoexobench.records.schema import QueryRank, ScoreRecord, SubsetScore


def to_record_score(track: Track, score: Score) -> ScoreRecord:
    """Return the score of a track, with the scores of its subsets."""
    return ScoreRecord(
        task=track.task,
        policy=track.policy,
        split=track.split,
        track=track_to_dict(track),
        track_fingerprint=track.fingerprint,
        tie_rule=track.ties,
        by_subset={
            name: SubsetScore(**_extract_counts(subset)) for name, subset in score.parts.items()
        },
        **_extract_counts(score),
    )


def to_record_ranks(track: Track, score: Score) -> list[QueryRank]:
    """Return the rank of every query of a track.

    The queries of ``association`` are those of its two tasks, where they are recorded.
    """
    if track.task == "association":
        return []
    return [
        QueryRank(
            task=track.task,
            policy=track.policy,
            source=row.source,
            positives=row.answers,
            optimistic=row.optimistic,
            pessimistic=row.pessimistic,
            num_candidates=row.candidates,
            num_positives=row.right,
            num_tied_positives=row.level,
            top1_probability=row.hit,
            cluster=row.cluster,
        )
        for row in score.rows
    ]


def track_to_dict(track: Track) -> dict[str, Any]:
    """Return everything that defines a track."""
    fields: dict[str, Any] = json.loads(track.text)
    return fields


def _extract_counts(score: Score) -> dict[str, Any]:
    return {
        "num_queries": score.n,
        "num_clusters": score.clusters,
        "candidate_range": score.candidates,
        "num_dropped": score.dropped,
        "num_missing_candidates": score.missing,
        "metrics": dict(score.metrics),
    }
