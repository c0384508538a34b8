"""Which cells are recorded already: the same recipe, data, seed and tasks, by fingerprint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from egoexobench.records.schema import Record
from egoexobench.records.store import read
from egoexobench.sweep.plan import Cell, Identity
from egoexobench.values import TASKS, Task

PATTERN = "*/*/*-seed*-*.json"
"""``METHOD/DATASET/ID.json``, as `records.store.write` lays them out."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record and where it lies."""

    path: Path
    record: Record


Index = Mapping[Identity, Sequence[Kept]]


def index(out: Path) -> Index:
    """Return every complete record below a folder by what was run, newest first.

    Raises:
        DataError: naming a record that does not fit.
    """
    found: dict[Identity, list[Kept]] = {}
    for path in sorted(out.glob(PATTERN)):
        record = read(path)
        if record.status == "complete":
            found.setdefault(_identity(record), []).append(Kept(path, record))
    return {
        key: sorted(kept, key=lambda one: (one.record.created, one.record.id), reverse=True)
        for key, kept in found.items()
    }


def lacking(cell: Cell, known: Index) -> Cell | None:
    """Return the cell with the tasks that no record was asked for; None if there is none."""
    kept = known.get(cell.identity, ())
    done = {task for one in kept for task in _asked(one.record)}
    rest = tuple(task for task in cell.tasks if task not in done)
    return replace(cell, tasks=rest) if rest else None


def _identity(record: Record) -> Identity:
    taught = record.trained_on or record.dataset
    return Identity(
        record.method.fingerprint,
        record.dataset.fingerprint,
        taught.fingerprint,
        record.seed,
        record.counts.missing_audio,
    )


def _asked(record: Record) -> set[Task]:
    """Tasks that have a score, and those that were asked for and have none for a good reason."""
    words = record.command
    named = {b for a, b in pairwise(words) if a == "--task"}
    every = bool(words) and (not named or "all" in named)
    scored = {score.task for score in record.scores}
    return {task for task in TASKS if every or task in named or task in scored}
