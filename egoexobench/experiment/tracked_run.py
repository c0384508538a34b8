"""Shows a run in the trackers of its context."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.report import describe_settings
from egoexobench.records.field_types import strip_absolute_paths
from egoexobench.records.schema import Record
from egoexobench.spec import Spec
from egoexobench.tracking import TrackedProgress, open_trackers


@dataclass(slots=True)
class TrackedRun:
    """A run that trackers show."""

    context: RunContext
    """Passes the numbers of its trainings on."""
    record: Record | None = None
    """Set at the end of the run."""


@contextmanager
def track_run(config: RunConfig, context: RunContext) -> Iterator[TrackedRun]:
    """Begin a run in every tracker, and end it there with its record, its times and its scores.

    Raises:
        UsageError: for a tracker or an option that is not valid.
    """
    run = TrackedRun(context)
    if not context.trackers:
        yield run
        return
    trackers = open_trackers(context.trackers, context.registry)
    trackers.start(describe_start(config))
    run.context = replace(context, progress=TrackedProgress(context.progress, trackers))
    try:
        yield run
    finally:
        seconds = {f"seconds/{stage}": value for stage, value in context.timer.seconds.items()}
        trackers.log(seconds, 0)
        trackers.finish(None if run.record is None else run.record.model_dump(mode="json"))


def describe_start(config: RunConfig) -> dict[str, Any]:
    """Return what is recorded of a run before it begins, with the names of `Record`."""
    method = _describe_spec(config.method) | {
        "scale": config.scale,
        "overrides": {key: strip_absolute_paths(value) for key, value in config.overrides.items()},
    }
    return {
        "created": datetime.now(UTC).isoformat(),
        "method": method,
        "dataset": _describe_spec(config.dataset),
        "trained_on": config.train_on and _describe_spec(config.train_on),
        "seed": config.seed,
        "settings": describe_settings(config).model_dump(mode="json"),
    }


def _describe_spec(spec: Spec) -> dict[str, Any]:
    # a tracker may send it to others, so that paths are cut as in records
    return {"name": spec.name, "spec": strip_absolute_paths(str(spec))}
