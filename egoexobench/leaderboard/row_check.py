"""Finds what cannot be true of a committed row: bounds, tracks, names, scores that ranks deny."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.evaluation import metrics
from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.score_intervals import compute_mean_interval
from egoexobench.evaluation.tasks import GRADED_METRICS, RERANKED_TOP_K
from egoexobench.leaderboard.row_marks import iter_mark_faults
from egoexobench.leaderboard.stored_ranks import RANKED_METRICS, compute_values, parse_ranks
from egoexobench.records.check import is_almost_equal, iter_input_faults, iter_metric_faults
from egoexobench.records.external import replace_content
from egoexobench.records.store import make_record_id
from egoexobench.records.version_1 import hash_track
from egoexobench.types import JOINED_TASKS, RETRIEVAL_TASKS, TrackKey

if TYPE_CHECKING:
    from egoexobench.evaluation.results import Metric
    from egoexobench.leaderboard.reproduced import ReproducedRow, ReproducedTrack, SeedRun

SINGLE_VIEW_TASKS = ("eg2ex", "ex2eg", "scene", "action")
"""The score of each is a mean over queries; others can be a mean of the means of two views."""


def iter_row_faults(row: ReproducedRow) -> Iterator[str]:
    """Yield one line for each field that cannot be true: the field and the reason."""
    yield from iter_input_faults(row.method)
    for track in row.tracks:
        yield from _iter_track_faults(row, track)
        yield from _iter_level_faults(row, track)
    seeds = Counter((run.seed, name) for run in row.runs for name in run.metrics)
    for (seed, name), count in seeds.items():
        if count > 1:
            yield f"runs: seed {seed} has {count} runs on track {name[:12]}"
    for run in row.runs:
        method = replace_content(row.method, run.content) if run.content else row.method
        expected = make_record_id(
            run.created, run.seed, method.fingerprint, row.dataset.fingerprint
        )
        if run.record != expected:
            yield f"runs.{run.record}.record: time, seed and fingerprints give {expected}"
        yield from iter_mark_faults(row, run)
        for track in row.tracks:
            yield from _iter_run_faults(row, run, track)
        yield from _iter_association_faults(row, run)


def _iter_track_faults(row: ReproducedRow, track: ReproducedTrack) -> Iterator[str]:
    location = f"tracks.{track.key.label}"
    if hash_track(track.text) != track.fingerprint:
        yield f"{location}.fingerprint: it is not the hash of the track"
    expected = {
        "task": track.task,
        "policy": track.policy,
        "split": track.split,
        "ties": track.tie_rule,
        "dataset": row.dataset.name,
        "data": row.dataset.fingerprint,
    }
    for field, value in expected.items():
        if track.text.get(field) != value:
            yield f"{location}.text.{field}: {track.text.get(field)!r} is not {value!r}"
    if track.queries is not None:
        clusters = track.queries.clusters
        numbers = {"num_queries": len(clusters), "num_clusters": len(set(clusters))}
        for field, number in numbers.items():
            if getattr(track, field) != number:
                yield f"{location}.{field}: {getattr(track, field)}, the queries give {number}"


def _iter_level_faults(row: ReproducedRow, track: ReproducedTrack) -> Iterator[str]:
    """Chance and majority are those of the track, the same for each run, and above one answer."""
    by_name: dict[str, list[Metric]] = {}
    for run in row.runs:
        for name, metric in run.metrics.get(track.fingerprint, {}).items():
            by_name.setdefault(name, []).append(metric)
    for name, numbers in by_name.items():
        location = f"tracks.{track.key.label}.{name}"
        if len({(metric.chance, metric.majority) for metric in numbers}) > 1:
            yield f"{location}: the runs have different levels of chance"
        least = _find_least_chance(track, name)
        if any(metric.chance is None or metric.chance < least - 1e-9 for metric in numbers):
            yield f"{location}.chance: it is below {least}, where each query has an answer"


def _find_least_chance(track: ReproducedTrack, name: str) -> float:
    """The hit rate of guessing, if each query has one answer among the largest gallery."""
    tops = {f"hit_rate_at_{k}": k for k in RERANKED_TOP_K}
    if name not in tops or track.task not in (*RETRIEVAL_TASKS, *JOINED_TASKS):
        return 0.0
    return 100 * min(1.0, tops[name] / max(1, track.candidate_range[1]))


def _iter_run_faults(row: ReproducedRow, run: SeedRun, track: ReproducedTrack) -> Iterator[str]:
    text = run.ranks.get(track.fingerprint)
    numbers = run.metrics.get(track.fingerprint, {})
    location = f"runs.{run.record}.{track.key.label}"
    for name, metric in numbers.items():
        inner = f"{location}.{name}"
        yield from iter_metric_faults(inner, name, metric, track.candidate_range[1])
        if text is not None and name in RANKED_METRICS and _is_mean_over_queries(row, track):
            yield from _compare_values(inner, metric, compute_values(text, name), track)
    if text is None:
        return
    ranks = parse_ranks(text)
    if ranks.pessimistic.max() > track.candidate_range[1]:
        yield f"{location}: a rank is above the number of candidates"
    median = numbers.get("median_rank")
    if median is not None:
        expected = float(np.median(metrics.expected_rank(ranks)))
        if not is_almost_equal(median.value, expected):
            yield f"{location}.median_rank: {median.value}, where the ranks give {expected}"


def _compare_values(
    location: str, metric: Metric, values: Floats, track: ReproducedTrack
) -> Iterator[str]:
    """A score is the mean of its ranks, and its interval that of the mean over clusters."""
    scale = 100.0 if metric.unit == "%" else 1.0
    expected = {"value": float(values.mean())}
    if track.queries is not None and metric.low is not None:
        interval = compute_mean_interval(values, track.queries.clusters)
        expected |= {"low": interval.low, "high": interval.high}
    for field, number in expected.items():
        if not is_almost_equal(getattr(metric, field), scale * number):
            suffix = "" if field == "value" else f".{field}"
            yield (
                f"{location}{suffix}: {getattr(metric, field)}, where the ranks give "
                f"{scale * number}"
            )


def _is_mean_over_queries(row: ReproducedRow, track: ReproducedTrack) -> bool:
    """Whether the score is a mean over queries, because there is one view or both are as large."""
    if track.task in SINGLE_VIEW_TASKS or track.policy == "both-views":
        return True
    if track.policy != "gallery" or track.num_dropped or track.task in JOINED_TASKS:
        return False
    galleries = next((item for item in row.tracks if item.key == TrackKey("t2v", "gallery")), None)
    return galleries is not None and len(set(galleries.candidate_range)) == 1


def _iter_association_faults(row: ReproducedRow, run: SeedRun) -> Iterator[str]:
    """It is the mean of its two tasks, with equal weights."""
    by_key = {track.key: run.metrics.get(track.fingerprint, {}) for track in row.tracks}
    for key, numbers in by_key.items():
        joined = JOINED_TASKS.get(key.task, ())
        parts = [by_key.get(TrackKey(task, key.policy, key.split)) for task in joined]
        if not parts or not all(parts):
            continue
        for name in numbers.keys() & {*RANKED_METRICS, *GRADED_METRICS}:
            expected = sum(part[name].value for part in parts if part) / len(parts)
            if not is_almost_equal(numbers[name].value, expected):
                yield (
                    f"runs.{run.record}.{key.label}.{name}: {numbers[name].value}, where its two "
                    f"tasks give {expected}"
                )
