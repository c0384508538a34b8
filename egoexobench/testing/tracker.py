"""The contract of trackers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from egoexobench.protocols import Tracker
from egoexobench.testing.assertions import check_has, check_that, check_valid, report_errors
from egoexobench.testing.process_state import find_state_change, read_process_state

START = {
    "created": "2026-01-02T03:04:05.060708+00:00",
    "method": {
        "name": "example",
        "spec": 'example:text="a, b | c"',
        "scale": "compact",
        "overrides": {"lr": "0.01"},
    },
    "dataset": {"name": "folder", "spec": "folder:path=.../clips"},
    "trained_on": None,
    "seed": 3,
    "settings": {"tasks": ["eg2ex", "action"], "allow_missing": False, "subset": None},
}
"""What a tracker gets at the start of a run."""
RECORD = START | {
    "id": "20260102T030405Z-seed3-0a1b2c3d",
    "scores": [
        {"task": "eg2ex", "policy": "both-views", "metrics": {"mrr": {"value": 0.25}}},
        {"task": "action", "policy": None, "metrics": {"map": {"value": None}}},
    ],
    "seconds": {"train": 1.5},
}
"""Some fields of the record that it gets at the end."""
LOGGED: tuple[tuple[dict[str, float], int], ...] = (
    ({"train/loss": 2.5, "train/learning_rate": 1e-3}, 1),
    ({"train/loss": 2.25, "train/learning_rate": 5e-4}, 2),
    ({"train/epoch": 1, "train/validation_value": 0.5}, 2),
    ({"train_scorer/loss": 1.5}, 1),
    ({}, 0),
    ({"seconds/train": 1.5, "seconds/train scorer": 0.5}, 0),
)
"""Metrics and steps; a stage begins to count anew."""


def check_tracker(create: Callable[[], Tracker]) -> None:
    """Check that a tracker takes a run that succeeds and one that fails, and changes nothing else.

    Args:
        create: returns a new tracker.

    Raises:
        AssertionError: with the first fault.
    """
    state = read_process_state()
    for record in (RECORD, None):
        with report_errors("the factory"):
            tracker = create()
        check_has(tracker, methods=["start", "log", "finish"])
        _call(tracker, "start", START)
        for metrics, step in LOGGED:
            _call(tracker, "log", metrics, step)
        _call(tracker, "finish", record)
    check_valid(find_state_change(state))


def _call(tracker: Tracker, method: str, values: Mapping[str, Any] | None, *step: int) -> None:
    inputs = copy.deepcopy(values)
    with report_errors(method):
        getattr(tracker, method)(inputs, *step)
    check_that(inputs == values, f"{method} changes its argument")
