"""Writes a run of trackio."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, final

from egoexobench.toolbox.run_fields import (
    flatten_settings,
    list_scores,
    name_run,
)


@final
class TrackioTracker:
    """One run of a project."""

    def __init__(self, project: str, space: str | None) -> None:
        self._library = import_module("trackio")
        self._project, self._space = project, space
        self._run: Any = None

    def start(self, record: Mapping[str, Any]) -> None:
        """Begin the run with its settings."""
        self._run = self._library.init(
            project=self._project,
            name=name_run(record),
            space_id=self._space,
            config=flatten_settings(record),
            embed=False,
        )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Write numbers."""
        self._run.log(dict(metrics), step=step)

    def finish(self, record: Mapping[str, Any] | None) -> None:
        """Write the scores, and end the run."""
        if record is not None:
            self._run.log({f"score/{name}": value for name, value in list_scores(record).items()})
        self._run.finish()
