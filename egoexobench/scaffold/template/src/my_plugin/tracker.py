"""Tracker `my-plugin-lines`: shows a run while it goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Tracker


@hookimpl
def register_trackers(register: Register) -> None:
    """Register the tracker; `plugin check` lets it write into a folder of its own."""
    register("my-plugin-lines", lines, example=choose_example)


def lines(*, path: Path = Path("metrics.jsonl")) -> Tracker:
    """One line of JSON for each step.

    Args:
        path: file to which lines are added.
    """
    return LineTracker(path)  # a factory neither writes nor connects


def choose_example(folder: Path) -> Mapping[str, object]:
    """Return options for a check, which may write into an empty folder."""
    return {"path": folder / "metrics.jsonl"}


@final
class LineTracker:
    """It reads and changes nothing of the run; an exception in it does not stop the run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, record: Mapping[str, Any]) -> None:
        """Begin a run: ``record`` has the method, the data set, the seed and settings."""
        self._write({"method": record["method"]["name"], "seed": record["seed"]})

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log finite numbers by name, such as ``{"train/loss": 2.31}``."""
        self._write({"step": step, **metrics})

    def finish(self, record: Mapping[str, Any] | None) -> None:
        """End the run; ``record`` is None if it failed."""
        self._write({"finished": record is not None})

    def _write(self, values: Mapping[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
