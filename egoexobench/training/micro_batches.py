"""Gradients of a large batch in the memory of a small one, for losses that compare all its pairs.

The pairs are embedded in parts without gradients, the loss gives the gradients of the embeddings,
and each part is embedded again for those of the weights. The gradients are those of the whole
batch: "GradCache", Gao et al., arXiv:2101.06983, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, final

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from egoexobench.models.seeding import RandomStates, preserve_random_states
from egoexobench.training.rows import Rows, join_parts

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from egoexobench.types import Pair


@final
class MicroBatches:
    """Embeds the pairs of a batch in parts, twice.

    Args:
        embed: embeds some pairs; equal random numbers must give equal rows.
        pairs: of the batch.
        size: pairs of a part.
        device: its random numbers of the first time are used again the second time.
    """

    def __init__(
        self, embed: Callable[[Sequence[Pair]], Rows], pairs: Sequence[Pair], size: int, device: str
    ) -> None:
        self._embed, self._device = embed, device
        self._parts = [pairs[start : start + size] for start in range(0, len(pairs), size)]
        self._states: list[RandomStates] = []
        columns = []
        with torch.no_grad():
            for part in self._parts:
                self._states.append(RandomStates.copy(device))
                columns.append(embed(part))
        joined = (join_parts(parts) for parts in zip(*columns, strict=True))
        self.rows: Rows = tuple(column.requires_grad_() for column in joined)
        """Of all pairs; the loss is computed from them."""

    def backpropagate(
        self, hold_sync: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        """Add the gradients of the weights, after a loss gave `rows` their gradients.

        Args:
            hold_sync: context in which gradients of processes are not averaged yet; that of all
                parts but the last.
        """
        start = 0
        for part, states in zip(self._parts, self._states, strict=True):
            end = start + len(part)
            is_last = end == len(self.rows[0])
            with nullcontext() if is_last else hold_sync():
                rows = self._embed_again(part, states)
                used = [
                    (column, joined.grad[start:end, : column.shape[1]])
                    for column, joined in zip(rows, self.rows, strict=True)
                    if column.requires_grad and joined.grad is not None
                ]
                columns = [column for column, _ in used]
                torch.autograd.backward(columns, [gradient for _, gradient in used])
            start = end

    def _embed_again(self, part: Sequence[Pair], states: RandomStates) -> Rows:
        devices = []
        if self._device.startswith("cuda"):
            index = torch.device(self._device).index
            devices = [torch.cuda.current_device() if index is None else index]
        with preserve_random_states(devices):
            states.restore(self._device)
            return self._embed(part)


def find_batch_layer(module: nn.Module) -> tuple[str, str] | None:
    """Return name and type of a layer that computes with the whole batch; None without any.

    That is batch normalization in training mode: its mean and deviation are those of the rows that
    it gets, so parts of a batch give other numbers than the batch.
    """
    for name, layer in module.named_modules():
        if isinstance(layer, _BatchNorm) and layer.training:
            return name, type(layer).__name__
    return None
