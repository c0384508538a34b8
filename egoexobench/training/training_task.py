"""What is trained, and what a training returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from egoexobench.process_group import SINGLE, ProcessGroup
from egoexobench.training.batches import Batch


class EpochResult(NamedTuple):
    """Mean loss over the batches of an epoch, and the value of the validation metric after it."""

    loss: float
    validation_value: float


@dataclass(frozen=True, slots=True)
class BestEpoch:
    """The epoch whose weights are used, from 1, and its value of the validation metric."""

    epoch: int
    validation_value: float
    history: tuple[EpochResult, ...] = ()
    """Every epoch of the training, the first one first."""


class OptimizerSettings(Protocol):
    """How long and how fast weights are trained."""

    @property
    def epochs(self) -> int:
        """Passes over the training pairs."""

    @property
    def lr(self) -> float:
        """The largest learning rate."""

    @property
    def weight_decay(self) -> float:
        """Of matrices."""

    @property
    def schedule(self) -> Literal["constant", "cosine"]:
        """How the learning rate changes."""


def _backpropagate(loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """What is trained, on which batches, by which loss, and how its epochs are compared."""

    stage: str
    """Its random numbers are drawn for this name, and the progress shows it."""
    module: nn.Module
    """Trained in place."""
    settings: OptimizerSettings
    num_steps: int
    """Batches of all epochs."""
    rng: torch.Generator
    """Decides the batches."""
    draw_epoch: Callable[[], Iterable[Batch]]
    """Returns the batches of the next epoch; they depend on nothing that changes but ``rng``."""
    compute_loss: Callable[[Batch, int], Tensor]
    """Gets a batch and the number of its step, from 1."""
    validation_metric: Callable[[], float] | None
    """Returns the value of the current module on the validation split; larger is better. None: the
    value of an epoch is its number, so that the last one is the best."""
    loss_module: nn.Module | None = None
    """Weights of the loss, trained too and not used afterwards."""
    begin_epoch: Callable[[int, Sequence[Batch]], None] | None = None
    """Gets the number of an epoch, from 1, and its batches, before the first of them is trained on.
    So inputs can be made ahead. After an interruption only the batches that remain are passed."""
    group: ProcessGroup = SINGLE
    """The processes that train together."""
    backpropagate: Callable[[Tensor], None] = _backpropagate
    """Adds the gradients of the last loss, which may be multiplied by a number."""
