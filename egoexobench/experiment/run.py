"""The whole benchmark on one screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from egoexobench.experiment.clock import Clock
from egoexobench.experiment.config import Request
from egoexobench.experiment.prepare import Ready, ready
from egoexobench.experiment.report import Facts, report
from egoexobench.experiment.scoring import SPLIT, score
from egoexobench.protocols import Progress
from egoexobench.records.schema import Record
from egoexobench.records.store import write_record
from egoexobench.registry import Registry
from egoexobench.shortcuts.retrieval import shortcuts
from egoexobench.types import RECOGNITION_TASKS, SPLITS, Task

__all__ = ["Outcome", "Ready", "ready", "run"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The record, where it lies, and why tasks that were asked for have no score."""

    record: Record
    path: Path
    unscored: Mapping[Task, str]


def run(request: Request, registry: Registry, progress: Progress) -> Outcome:
    """Train a method on a data set, score it on every task that was asked for, record it.

    Raises:
        UsageError: for a name or an option that cannot work, or tasks that the method or the
            data set has nothing to say to.
        DataError: for a file, a row or a clip that is not what it must be.
    """
    created, clock = datetime.now(UTC), Clock()
    found = ready(request, registry, progress, clock)
    with clock("embed"):
        # only the linear layer of recognition looks at the other splits
        recognise = set(request.tasks) & set(RECOGNITION_TASKS)
        embedded = found.embed(SPLITS if recognise else (SPLIT,))
    with clock("evaluate"):
        scored = score(found, request.dataset.name, request.tasks, embedded, request.seed, progress)
    with clock("sanity"):
        rows = shortcuts(found, request, registry, progress)
    facts = Facts(request, registry, found, rows, created, clock.seconds)
    record, ranks = report(facts, scored)
    return Outcome(record, write_record(record, ranks, request.out), scored.unscored)
