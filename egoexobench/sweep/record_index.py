"""Finds the cells that have a record: the same method, data, seed and tasks, by fingerprint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from egoexobench.records.schema import Record
from egoexobench.records.store import read_record
from egoexobench.sweep.code_version import list_code_changes
from egoexobench.sweep.plan import CellFingerprint, SweepCell
from egoexobench.types import TASKS, Task

RECORD_PATTERN = "*/*/*-seed*-*.json"
"""``METHOD/DATASET/ID.json``, as `records.store.write_record` names files."""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record and its path."""

    path: Path
    record: Record


RecordIndex = Mapping[CellFingerprint, Sequence[StoredRecord]]


def index_records(out: Path) -> RecordIndex:
    """Return every complete record below a folder by fingerprint, newest first.

    Raises:
        DataError: with the name of a record that is not valid.
    """
    index: dict[CellFingerprint, list[StoredRecord]] = {}
    for path in sorted(out.glob(RECORD_PATTERN)):
        record = read_record(path)
        if record.status == "complete":
            index.setdefault(_make_fingerprint(record), []).append(StoredRecord(path, record))
    return {
        fingerprint: sorted(
            records, key=lambda stored: (stored.record.created, stored.record.id), reverse=True
        )
        for fingerprint, records in index.items()
    }


def get_current_records(cell: SweepCell, index: RecordIndex) -> Sequence[StoredRecord]:
    """Return the records of a cell that the code and the libraries of today would make, too."""
    records = index.get(cell.fingerprint, ())
    return [stored for stored in records if not list_code_changes(stored.record, cell)]


def select_remaining_tasks(cell: SweepCell, index: RecordIndex) -> SweepCell | None:
    """Return the cell with the tasks that no current record covers; None if there are none."""
    records = get_current_records(cell, index)
    covered = {task for stored in records for task in _find_requested_tasks(stored.record)}
    remaining = tuple(task for task in cell.tasks if task not in covered)
    return replace(cell, tasks=remaining) if remaining else None


def _make_fingerprint(record: Record) -> CellFingerprint:
    training_dataset = record.trained_on or record.dataset
    return CellFingerprint(
        method=record.method.fingerprint,
        dataset=record.dataset.fingerprint,
        training_dataset=training_dataset.fingerprint,
        seed=record.seed,
        missing_audio=record.counts.missing_audio,
    )


def _find_requested_tasks(record: Record) -> set[Task]:
    """Tasks with a score, and tasks that were requested but have none for a good reason."""
    if record.settings:
        return set(record.settings.tasks)
    command = record.command
    named = {value for option, value in pairwise(command) if option == "--task"}
    has_all = bool(command) and (not named or "all" in named)
    scored = {score.task for score in record.scores}
    return {task for task in TASKS if has_all or task in named or task in scored}
