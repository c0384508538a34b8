"""Writes event files of TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, final

from egoexobench.toolbox.run_fields import (
    flatten_settings,
    list_scores,
    name_run,
)


@final
class TensorBoardTracker:
    """One folder of event files a run."""

    def __init__(self, folder: Path) -> None:
        import_module("tensorboard")
        self._folder = folder
        self._writer: Any = None

    def start(self, record: Mapping[str, Any]) -> None:
        """Create the folder and write the settings."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(self._folder / name_run(record)))
        self._writer.add_text("settings", _format_table(flatten_settings(record)))

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Write numbers."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)

    def finish(self, record: Mapping[str, Any] | None) -> None:
        """Write the scores, with the settings as hyperparameters, and close the files."""
        if record is not None:
            scores = {f"score/{name}": value for name, value in list_scores(record).items()}
            settings = flatten_settings(record)
            self._writer.add_hparams(settings, scores, run_name=".")
        self._writer.close()


def _format_table(settings: Mapping[str, object]) -> str:
    rows = [f"| {name} | {_escape_cell(value)} |" for name, value in settings.items()]
    return "\n".join(("| setting | value |", "|---|---|", *rows))


def _escape_cell(value: object) -> str:
    return "".join(f"\\{char}" if char in "|\\`*_<>[]" else char for char in str(value))
