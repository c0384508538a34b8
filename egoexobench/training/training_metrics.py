"""The numbers of a training that trackers show: losses, learning rate, speed, validation value."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import final

import torch
from torch import Tensor

from egoexobench.protocols import LogsMetrics, Progress

FLUSH_S = 10.0
"""Losses are copied from the device so seldom, because each copy waits for it."""


@final
class TrainingMetrics:
    """Collects the numbers of steps and epochs; does nothing without a tracker.

    Args:
        progress: passes numbers on if it is `LogsMetrics`.
        stage: name of the training; the names of its numbers begin with it.
    """

    def __init__(self, progress: Progress, stage: str) -> None:
        self._progress = progress if isinstance(progress, LogsMetrics) else None
        self._prefix = stage.replace(" ", "_")
        self._steps: list[tuple[int, Tensor, float]] = []
        self._num_pairs = 0
        self._start = time.monotonic()

    def begin_epoch(self) -> None:
        """Begin to measure the time of steps; that of validation does not count."""
        self._start = time.monotonic()

    def add_step(self, step: int, loss: Tensor, lr: float, num_pairs: int) -> None:
        """Add a step.

        Args:
            step: its number, from 1.
            loss: a number on any device; it is read later.
            lr: the learning rate of the step.
            num_pairs: of the batch.
        """
        if self._progress is None:
            return
        self._steps.append((step, loss, lr))
        self._num_pairs += num_pairs
        if time.monotonic() - self._start > FLUSH_S:
            self._flush()

    def end_epoch(self, step: int, epoch: int, loss: float, validation_value: float) -> None:
        """Log the steps of an epoch, its mean loss and the value of the validation metric."""
        if self._progress is None:
            return
        self._flush()
        values = {"epoch": epoch, "epoch_loss": loss, "validation_value": validation_value}
        self._log(values, step)

    def log_history(self, epochs: Iterable[tuple[float, float]]) -> None:
        """Log the epochs of a training that is not repeated, with epochs as steps."""
        for epoch, (loss, value) in enumerate(epochs, 1):
            self.end_epoch(epoch, epoch, loss, value)

    def _flush(self) -> None:
        if self._progress is None or not self._steps:
            return
        losses = torch.stack([loss for _, loss, _ in self._steps]).tolist()
        seconds = time.monotonic() - self._start
        for (step, _, lr), loss in zip(self._steps, losses, strict=True):
            self._log({"loss": loss, "learning_rate": lr}, step)
        if seconds > 0:
            self._log({"pairs_per_s": self._num_pairs / seconds}, self._steps[-1][0])
        self._steps, self._num_pairs = [], 0
        self._start = time.monotonic()

    def _log(self, values: dict[str, float], step: int) -> None:
        if self._progress is not None:
            named = {f"{self._prefix}/{name}": value for name, value in values.items()}
            self._progress.log_metrics(named, step)
