"""Finds what cannot be true of a committed row: bounds, tracks, scores that ranks contradict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from egoexobench.leaderboard.stored_ranks import RANKED_METRICS, compute_values
from egoexobench.records.check import is_almost_equal, iter_metric_faults
from egoexobench.records.version_1 import hash_track

if TYPE_CHECKING:
    from egoexobench.leaderboard.reproduced import ReproducedRow, ReproducedTrack, SeedRun

SINGLE_VIEW_TASKS = ("eg2ex", "ex2eg", "scene", "action")
"""The score of each is a mean over queries; others can be a mean of the means of two views."""


def iter_row_faults(row: ReproducedRow) -> Iterator[str]:
    """Yield one line for each field that cannot be true: the field and the reason."""
    for track in row.tracks:
        if hash_track(track.text) != track.fingerprint:
            yield f"tracks.{track.key.label}.fingerprint: it is not the hash of the track"
        for run in row.runs:
            yield from _iter_run_faults(run, track)


def _iter_run_faults(run: SeedRun, track: ReproducedTrack) -> Iterator[str]:
    text = run.ranks.get(track.fingerprint)
    for name, metric in run.metrics.get(track.fingerprint, {}).items():
        location = f"runs.{run.record}.{track.key.label}.{name}"
        yield from iter_metric_faults(location, name, metric, track.candidate_range[1])
        if text is None or name not in RANKED_METRICS or track.task not in SINGLE_VIEW_TASKS:
            continue
        scale = 100.0 if metric.unit == "%" else 1.0
        expected = scale * float(compute_values(text, name).mean())
        if not is_almost_equal(metric.value, expected):
            yield f"{location}: {metric.value}, where the ranks give {expected}"
