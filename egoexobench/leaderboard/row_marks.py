"""Finds marks of a committed row that nobody can have given: `verified` and `audited`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from egoexobench.records.artifacts import (
    ANSWERS_SUFFIX,
    EMBEDDINGS_SUFFIX,
    FRAMES_SUFFIX,
    MAX_BYTES,
    RANKS_SUFFIX,
)
from egoexobench.records.audit import make_audit_name
from egoexobench.types import FRAME_TASKS, JOINED_TASKS

if TYPE_CHECKING:
    from egoexobench.leaderboard.reproduced import ReproducedRow, RunVerification, SeedRun


def iter_mark_faults(row: ReproducedRow, run: SeedRun) -> Iterator[str]:
    """Yield one line for each mark that contradicts the rest of the row.

    That a mark is right nobody can see here: its hashes let a reader ask for the files.
    """
    location = f"runs.{run.record}"
    if run.verification is not None:
        yield from _iter_verification_faults(row, run, run.verification)
    for audit in run.audits:
        expected = make_audit_name(row.method, row.dataset, run.seed)
        if audit.file != expected:
            yield f"{location}.audits: {audit.file!r}, where that of this run is {expected!r}"
        if audit.passed == bool(audit.failures):
            yield f"{location}.audits: an audit passes if it has no failure, and only then"


def _iter_verification_faults(
    row: ReproducedRow, run: SeedRun, verification: RunVerification
) -> Iterator[str]:
    location, files = f"runs.{run.record}.verification", verification.files
    possible = {f"{run.record}{suffix}" for suffix in MAX_BYTES}
    if foreign := files.keys() - possible:
        yield f"{location}.files: {min(foreign)!r} is no file of this record"
    if f"{run.record}{RANKS_SUFFIX}" not in files:
        yield f"{location}.files: the ranks are missing"
    external = row.method.external
    is_answered = external is not None and external.kind == "answers"
    suffix, noun = (ANSWERS_SUFFIX, "answers") if is_answered else (EMBEDDINGS_SUFFIX, "embeddings")
    if f"{run.record}{suffix}" not in files and not verification.skipped:
        yield f"{location}.skipped: empty, where the files have no {noun}"
    without_ranks = (*JOINED_TASKS, *FRAME_TASKS)
    scored = {track.fingerprint for track in row.tracks if track.task not in without_ranks}
    of_frames = {track.fingerprint for track in row.tracks if track.task in FRAME_TASKS}
    if of_frames & run.metrics.keys() and f"{run.record}{FRAMES_SUFFIX}" not in files:
        yield f"{location}.files: the frames are missing"
    if foreign := of_frames & run.ranks.keys():
        yield f"{location}: the run has ranks on track {min(foreign)[:12]}, which is of frames"
    if missing := (scored & run.metrics.keys()) - run.ranks.keys():
        yield f"{location}: the run has no ranks on track {min(missing)[:12]}"
