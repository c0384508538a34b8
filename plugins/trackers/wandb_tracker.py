"""Writes a run of Weights & Biases."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, final

from egoexobench.errors import DataError
from egoexobench.toolbox.run_fields import (
    flatten_settings,
    list_scores,
    name_run,
)

_START_LIMIT_S = 50
"""Less than a call of a tracker may take."""


@final
class WandbTracker:
    """One run of a project.

    Every stage counts its own steps, so each has its own axis: ``train/loss`` over ``train/step``.
    """

    def __init__(
        self, *, project: str, entity: str | None, mode: str | None, folder: Path | None
    ) -> None:
        self._library = import_module("wandb")
        self._options = {
            "project": project,
            "entity": entity,
            "mode": mode,
            "dir": folder and str(folder),
        }
        self._run: Any = None
        self._stages: set[str] = set()

    def start(self, record: Mapping[str, Any]) -> None:
        """Begin the run with its settings; nothing is asked on the terminal."""
        mode = self._options["mode"] or os.environ.get("WANDB_MODE", "online")
        if mode == "online" and not self._library.api.api_key:
            raise DataError(
                "wandb has no key: run `wandb login`, set WANDB_API_KEY, or use wandb:mode=offline"
            )
        if folder := self._options["dir"]:
            Path(folder).mkdir(parents=True, exist_ok=True)
        settings = self._library.Settings(
            console="off", silent=True, save_code=False, init_timeout=_START_LIMIT_S
        )
        self._run = self._library.init(
            **self._options,
            name=name_run(record),
            config=flatten_settings(record),
            settings=settings,
        )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Write numbers."""
        rows: dict[str, dict[str, float]] = {}
        for name, value in metrics.items():
            rows.setdefault(name.partition("/")[0], {})[name] = value
        for stage, values in rows.items():
            if stage not in self._stages:
                self._run.define_metric(f"{stage}/*", step_metric=f"{stage}/step")
                self._stages.add(stage)
            self._run.log({**values, f"{stage}/step": step})

    def finish(self, record: Mapping[str, Any] | None) -> None:
        """Write the scores into the summary, and end the run."""
        if record is not None:
            scores = {f"score/{name}": value for name, value in list_scores(record).items()}
            self._run.summary.update(scores)
            self._run.config.update(flatten_settings(record), allow_val_change=True)
        self._run.finish(exit_code=int(record is None))
