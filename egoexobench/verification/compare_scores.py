"""Compares a score of a record with the one that was recomputed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from egoexobench.evaluation.results import Metric, Score
from egoexobench.records.check import is_almost_equal
from egoexobench.records.schema import ReferenceScores, ScoreRecord, SubsetScore
from egoexobench.types import TrackKey

_COUNTS = (
    "num_queries",
    "num_clusters",
    "candidate_range",
    "num_dropped",
    "num_missing_candidates",
)


def iter_score_differences(
    location: str, recorded: ScoreRecord | SubsetScore, score: Score
) -> Iterator[str]:
    """Yield one line for each count, metric and interval that differs in more than rounding."""
    for name in _COUNTS:
        if (number := getattr(recorded, name)) != (expected := getattr(score, name)):
            yield f"{location}.{name}: {number} in the record, {expected} recomputed"
    yield from _iter_metric_differences(location, recorded.metrics, score.metrics)
    if isinstance(recorded, ScoreRecord):
        if recorded.num_special != dict(score.num_special):
            yield (
                f"{location}.num_special: {recorded.num_special} in the record, "
                f"{dict(score.num_special)} recomputed"
            )
        if recorded.by_subset.keys() != score.by_subset.keys():
            names = [
                ", ".join(sorted(item)) or "none" for item in (recorded.by_subset, score.by_subset)
            ]
            yield f"{location}.by_subset: {names[0]} in the record, {names[1]} recomputed"
        for name in sorted(recorded.by_subset.keys() & score.by_subset.keys()):
            yield from iter_score_differences(
                f"{location}.by_subset.{name}", recorded.by_subset[name], score.by_subset[name]
            )


def iter_reference_differences(
    references: tuple[ReferenceScores, ...], name: str, key: TrackKey, score: Score
) -> Iterator[str]:
    """Yield the differences of chance or of the oracle on one track."""
    location = f"references.{name}.{key.label}"
    scores = [
        item for reference in references if reference.name == name for item in reference.scores
    ]
    recorded = next((item for item in scores if item.key == key), None)
    if recorded is None:
        yield f"{location}: missing in the record"
        return
    yield from iter_score_differences(location, recorded, score)


def _iter_metric_differences(
    location: str, recorded: Mapping[str, Metric], metrics: Mapping[str, Metric]
) -> Iterator[str]:
    if recorded.keys() != metrics.keys():
        names = [", ".join(sorted(item)) for item in (recorded, metrics)]
        yield f"{location}: metrics {names[0]} in the record, {names[1]} recomputed"
    for name in sorted(recorded.keys() & metrics.keys()):
        yield from _compare_metric(f"{location}.{name}", recorded[name], metrics[name])


def _compare_metric(location: str, recorded: Metric, metric: Metric) -> Iterator[str]:
    if recorded.unit != metric.unit:
        yield f"{location}.unit: {recorded.unit} in the record, {metric.unit} recomputed"
    for field in fields(Metric):
        if field.name == "unit":
            continue
        number, expected = getattr(recorded, field.name), getattr(metric, field.name)
        if not is_almost_equal(number, expected):
            yield f"{location}.{field.name}: {number} in the record, {expected} recomputed"
