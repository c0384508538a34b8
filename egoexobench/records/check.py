"""Finds what cannot be true of a record, from the record alone: bounds, counts, tracks, inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from egoexobench.evaluation.results import Metric
from egoexobench.evaluation.tasks import METRICS_INFO
from egoexobench.method import (
    COMPACT_DEFAULTS,
    ROLES,
    VALIDATION_METRIC,
    list_declared_inputs,
    parse_setting,
)
from egoexobench.protocols import AnchorText
from egoexobench.records.artifacts import iter_artifact_faults
from egoexobench.records.check_facts import iter_fact_faults
from egoexobench.records.external import iter_external_faults
from egoexobench.records.given_features import add_claims, list_claims
from egoexobench.records.schema import MethodRecord, Record, ScoreRecord, SubsetScore
from egoexobench.records.version_1 import hash_track

SLACK = 1e-9
"""Numbers of equal meaning may differ so much, relative to the larger one or to 1."""
_UNIT_LIMITS = {"%": (0.0, 100.0), "1": (0.0, 1.0)}
_ANCHOR_TEXTS: tuple[AnchorText | None, ...] = (None, "narration", "sound_caption", "sound_text")


def iter_record_faults(record: Record) -> Iterator[str]:
    """Yield one line for each field that cannot be true: the field and the reason."""
    yield from iter_artifact_faults(record)
    yield from iter_input_faults(record.method)
    yield from iter_repeated("scores", [score.key.label for score in record.scores])
    yield from iter_repeated("references", [item.name for item in record.references])
    for score in record.scores:
        yield from _iter_score_faults(f"scores.{score.key.label}", score)
        yield from _iter_track_faults(f"scores.{score.key.label}", record, score)
    yield from _iter_query_count_faults(record)
    yield from _iter_epoch_faults(record)
    yield from _iter_value_faults(record)
    yield from iter_fact_faults(record)
    fingerprints = {score.key: score.track_fingerprint for score in record.scores}
    largest = {
        score.key: score.num_queries
        for item in record.references
        for score in item.scores
        if item.name == "oracle"
    }
    for item in record.references:
        labels = [score.key.label for score in item.scores]
        yield from iter_repeated(f"references.{item.name}", labels)
        for score in item.scores:
            location = f"references.{item.name}.{score.key.label}"
            yield from _iter_score_faults(location, score)
            if fingerprints.get(score.key) != score.track_fingerprint:
                yield f"{location}.track_fingerprint: it is not that of the score"
            if score.num_queries > largest.get(score.key, score.num_queries):
                yield f"{location}.num_queries: {score.num_queries}, more than the oracle has"
            yield from _iter_track_faults(location, record, score)


def _iter_query_count_faults(record: Record) -> Iterator[str]:
    """The counts name each task with the number of queries of one of its scores."""
    numbers: dict[str, set[int]] = {}
    for score in record.scores:
        numbers.setdefault(score.task, set()).add(score.num_queries)
    for task, number in record.counts.num_queries.items():
        if number not in numbers.get(task, {0}):
            yield f"counts.num_queries.{task}: {number} is not that of a score"


def _iter_epoch_faults(record: Record) -> Iterator[str]:
    """The epoch that was selected is the first of those with the largest validation value."""
    trainings = [("epochs", record.epochs, record.checkpoint_selection)]
    if scorer := record.scorer_training:
        trainings.append(("scorer_training.epochs", scorer.epochs, scorer.checkpoint_selection))
        if not scorer.epochs:
            yield "scorer_training.epochs: there are none"
    for location, epochs, selection in trainings:
        values = [epoch.validation_value for epoch in epochs]
        if not values:
            continue
        best = values.index(max(values)) + 1
        if selection is None or (selection.epoch, selection.validation_value) != (
            best,
            max(values),
        ):
            yield f"{location}: the first best one is {best}, which the record does not select"


def _iter_value_faults(record: Record) -> Iterator[str]:
    """The value that was chosen is the first of those with the largest validation value."""
    selection = record.value_selection
    if selection is None:
        return
    location = "value_selection"
    if selection.split != "val" or selection.validation_metric != VALIDATION_METRIC:
        yield f"{location}: a value is chosen on split val by the {VALIDATION_METRIC}"
    fusions = {part.role for part in record.method.parts if part.kind == "fusion"}
    if unknown := [role for role in selection.roles if role not in fusions]:
        yield f"{location}.roles: the method has no {unknown[0]!r}"
    candidates = selection.candidates
    yield from iter_repeated(f"{location}.candidates", [f"{item.value:g}" for item in candidates])
    if any(not 0 <= item.validation_value <= 1 for item in candidates):
        yield f"{location}.candidates: a validation value is not in 0..1"
    best = max(candidates, key=lambda item: item.validation_value, default=None)
    if best is None or best.value != selection.value:
        expected = "no candidate" if best is None else f"{best.value:g}"
        yield f"{location}.value: {selection.value:g}, where the candidates give {expected}"


def iter_repeated(location: str, names: list[str]) -> Iterator[str]:
    """Yield one line for each name that stands twice."""
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{location}: {name} stands {count} times"


def is_almost_equal(first: float | None, second: float | None) -> bool:
    """Return whether two numbers differ in rounding only; None is equal to None alone."""
    if first is None or second is None:
        return first is second
    return abs(first - second) <= SLACK * max(1.0, abs(first), abs(second))


def _iter_score_faults(location: str, score: ScoreRecord) -> Iterator[str]:
    yield from _iter_count_faults(location, score)
    for name, subset in score.by_subset.items():
        inner = f"{location}.by_subset.{name}"
        yield from _iter_count_faults(inner, subset)
        if subset.num_queries > score.num_queries:
            yield f"{inner}.num_queries: {subset.num_queries} of {score.num_queries} queries"


def _iter_count_faults(location: str, score: ScoreRecord | SubsetScore) -> Iterator[str]:
    low, high = score.candidate_range
    if not 1 <= low <= high:
        yield f"{location}.candidate_range: {low} to {high}"
    if not 1 <= score.num_clusters <= score.num_queries:
        yield f"{location}.num_clusters: {score.num_clusters} of {score.num_queries} queries"
    for name, metric in score.metrics.items():
        yield from iter_metric_faults(f"{location}.{name}", name, metric, high)


def iter_metric_faults(
    location: str, name: str, metric: Metric, num_candidates: int
) -> Iterator[str]:
    """Yield one line for each number of a metric that its unit does not allow."""
    if name in METRICS_INFO and metric.unit != METRICS_INFO[name].unit:
        yield f"{location}.unit: {metric.unit!r} is not {METRICS_INFO[name].unit!r}"
    limits = METRICS_INFO[name].limits if name in METRICS_INFO else None
    least, most = limits or _UNIT_LIMITS.get(metric.unit, (1.0, float(num_candidates)))
    numbers = {
        "value": metric.value,
        "low": metric.low,
        "high": metric.high,
        "chance": metric.chance,
        "majority": metric.majority,
    }
    for field, number in numbers.items():
        if number is not None and not least - SLACK <= number <= most + SLACK:
            yield f"{location}.{field}: {number} is not in {least:g}..{most:g}"
    if (metric.low is None) != (metric.high is None):
        yield f"{location}: an interval needs low and high"
    low, high = metric.low, metric.high
    if low is not None and high is not None and not low - SLACK <= metric.value <= high + SLACK:
        yield f"{location}: {metric.value} is outside of its interval {low} to {high}"


def _iter_track_faults(location: str, record: Record, score: ScoreRecord) -> Iterator[str]:
    if hash_track(score.track) != score.track_fingerprint:
        yield f"{location}.track_fingerprint: it is not the hash of the track"
    expected = {
        "task": score.task,
        "policy": score.policy,
        "split": score.split,
        "ties": score.tie_rule,
        "dataset": record.dataset.name,
        "data": record.dataset.fingerprint,
    }
    for field, value in expected.items():
        if score.track.get(field) != value:
            actual = score.track.get(field)
            yield f"{location}.track.{field}: {actual!r}, where the record says {value!r}"


def iter_input_faults(method: MethodRecord) -> Iterator[str]:
    """The inputs that a method declares follow from its roles; the text from its anchor, too."""
    yield from iter_external_faults(method)
    if method.external is not None:
        return
    roles: dict[str, str | None] = dict.fromkeys(ROLES)
    roles |= {part.role: part.name for part in method.parts}
    played = {part.role for part in method.parts}
    if unknown := sorted(roles.keys() - ROLES.keys()):
        yield f"method.parts: unknown role {unknown[0]!r}"
        return
    for part in method.parts:
        if part.kind != ROLES[part.role]:
            yield f"method.parts.{part.role}: kind {part.kind!r} is not {ROLES[part.role]!r}"
    is_transcribed = any(part.role == "captioner" and part.reads for part in method.parts)
    is_caption_query = method.hyperparameters.get("video_query") == "sound_caption"
    assembled = replace(
        COMPACT_DEFAULTS,
        video=roles["video"],
        audio=roles["audio"],
        text=roles["text"],
        text_audio=roles["text_audio"],
        captioner=roles["captioner"],
        video_fusion=roles["video_fusion"],
        text_fusion=roles["text_fusion"],
        anchor=roles["anchor"],
        video_query="sound_caption" if is_caption_query else "audio",
        joint=roles["joint"],
        joint_inputs=parse_setting(
            "joint_inputs", str(method.hyperparameters.get("joint_inputs", "both"))
        ),
    )
    anchors = _ANCHOR_TEXTS[1:] if assembled.anchor else _ANCHOR_TEXTS[:1]
    possible = [
        add_claims(
            list_declared_inputs(assembled, anchor, is_transcribed=is_transcribed),
            played,
            list_claims(method),
        )
        for anchor in anchors
    ]
    declared: Mapping[str, tuple[str, ...]] = {
        "video": method.declared_inputs.video,
        "text": method.declared_inputs.text,
    }
    for side, inputs in declared.items():
        expected = [" and ".join(item[side]) or "nothing" for item in possible]
        if (" and ".join(inputs) or "nothing") not in expected:
            yield (
                f"method.declared_inputs.{side}: {' and '.join(inputs) or 'nothing'}, where the "
                f"roles of the method give {' or '.join(dict.fromkeys(expected))}"
            )
