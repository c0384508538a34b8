"""Which cells are recorded already: the same recipe, data, seed and tasks, by fingerprint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from egoexobench.records.schema import Record
from egoexobench.records.store import read_record
from egoexobench.sweep.plan import CellFingerprint, SweepCell
from egoexobench.types import TASKS, Task

RECORD_PATTERN = "*/*/*-seed*-*.json"
"""``METHOD/DATASET/ID.json``, as `records.store.write` lays them out."""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record and where it lies."""

    path: Path
    record: Record


RecordIndex = Mapping[CellFingerprint, Sequence[StoredRecord]]


def index_records(out: Path) -> RecordIndex:
    """Return every complete record below a folder by what was run, newest first.

    Raises:
        DataError: naming a record that does not fit.
    """
    found: dict[CellFingerprint, list[StoredRecord]] = {}
    for path in sorted(out.glob(RECORD_PATTERN)):
        record = read_record(path)
        if record.status == "complete":
            found.setdefault(_fingerprint_of(record), []).append(StoredRecord(path, record))
    return {
        key: sorted(kept, key=lambda one: (one.record.created, one.record.id), reverse=True)
        for key, kept in found.items()
    }


def remaining_tasks(cell: SweepCell, known: RecordIndex) -> SweepCell | None:
    """Return the cell with the tasks that no record was asked for; None if there is none."""
    kept = known.get(cell.identity, ())
    done = {task for one in kept for task in _requested_tasks(one.record)}
    rest = tuple(task for task in cell.tasks if task not in done)
    return replace(cell, tasks=rest) if rest else None


def _fingerprint_of(record: Record) -> CellFingerprint:
    taught = record.trained_on or record.dataset
    return CellFingerprint(
        record.method.fingerprint,
        record.dataset.fingerprint,
        taught.fingerprint,
        record.seed,
        record.counts.missing_audio,
    )


def _requested_tasks(record: Record) -> set[Task]:
    """Tasks that have a score, and those that were asked for and have none for a good reason."""
    words = record.command
    named = {b for a, b in pairwise(words) if a == "--task"}
    every = bool(words) and (not named or "all" in named)
    scored = {score.task for score in record.scores}
    return {task for task in TASKS if every or task in named or task in scored}
