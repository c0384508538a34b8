"""Checks of the names that a data set is asked for."""

from __future__ import annotations

from egoexobench.errors import UsageError, format_unknown_name
from egoexobench.types import SPLITS, TASKS


def check_split(split: str) -> None:
    """Check that a split exists.

    Raises:
        UsageError: with the nearest name, if it does not.
    """
    if split not in SPLITS:
        raise UsageError(format_unknown_name("split", split, SPLITS))


def check_task(task: str) -> None:
    """Check that a task exists.

    Raises:
        UsageError: with the nearest name, if it does not.
    """
    if task not in TASKS:
        raise UsageError(format_unknown_name("task", task, TASKS))
