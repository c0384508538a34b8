"""Scores as a record holds them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from egoexobench.evaluation.score import Score as Scoring
from egoexobench.evaluation.tasks import METRICS
from egoexobench.evaluation.tracks import Track
from egoexobench.experiment.scoring import Entry
from egoexobench.records.schema import Metric, QueryRank, ScoreRecord, SubsetScore


def score_of(track: Track, score: Scoring) -> ScoreRecord:
    """Return a score as a record holds it."""
    return ScoreRecord(
        task=track.task,
        policy=track.policy,
        split=track.split,
        track=told(track),
        track_fingerprint=track.fingerprint,
        tie_rule=track.ties,
        n=score.n,
        clusters=score.clusters,
        candidates=score.candidates,
        dropped=score.dropped,
        missing=score.missing,
        metrics=_metrics(score),
        parts=tuple(
            SubsetScore(
                name=name,
                n=part.n,
                clusters=part.clusters,
                candidates=part.candidates,
                dropped=part.dropped,
                missing=part.missing,
                metrics=_metrics(part),
            )
            for name, part in score.parts.items()
        ),
    )


def _metrics(score: Scoring) -> tuple[Metric, ...]:
    return tuple(
        Metric(
            name=name,
            value=metric.value,
            low=metric.low,
            high=metric.high,
            chance=metric.chance,
            majority=metric.majority,
            unit=METRICS[name].unit,
        )
        for name, metric in score.metrics.items()
    )


def ranks_of(entry: Entry) -> list[QueryRank]:
    """Return the rank of every query of a track."""
    task, policy = entry.track.task, entry.track.policy
    if task == "association":  # its queries stand under their own tasks
        return []
    return [QueryRank(task=task, policy=policy, **asdict(row)) for row in entry.score.rows]


def told(track: Track) -> dict[str, Any]:
    """Return everything that a track says of itself."""
    words: dict[str, Any] = json.loads(track.text)
    return words
