"""The loss of a batch of pairs and its gradients, in one part or in several."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from egoexobench.errors import EgoExoBenchError, UsageError
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.part_results import find_loss_fault, require_valid
from egoexobench.process_group import SINGLE, ProcessGroup
from egoexobench.training.batches import Batch
from egoexobench.training.comparison import Comparison, create_pair_comparison
from egoexobench.training.micro_batches import MicroBatches, find_batch_layer
from egoexobench.training.rows import Rows, pad_rows
from egoexobench.training.training_set import TrainingSet
from egoexobench.types import Pair

if TYPE_CHECKING:
    from torch.nn.parallel import DistributedDataParallel


@final
class PairEmbedder(nn.Module):
    """Embeds pairs: what has gradients of its own in each part of a batch.

    Args:
        model: its weights are trained.
        comparison: embeds with it.
    """

    def __init__(self, model: EmbeddingModel, comparison: Comparison) -> None:
        super().__init__()
        self.model = model
        self.comparison = comparison

    def forward(self, pairs: Sequence[Pair]) -> Rows:
        """Return the rows of some pairs."""
        return self.comparison.embed(pairs)


@final
class PairLoss:
    """Computes the loss of batches; the objective sees all pairs of a batch together.

    With several processes each embeds its share of a batch, and gets the rows of the others. The
    gradients are those of one process: DistributedDataParallel takes the mean over processes, and
    the gradient of a row is the sum of what they compute for it.

    Args:
        model: trained.
        training_set: the data, the anchor and the loss.
        group: the processes that train together.
    """

    def __init__(
        self, model: EmbeddingModel, training_set: TrainingSet, group: ProcessGroup = SINGLE
    ) -> None:
        self._model, self._data, self._group = model, training_set, group
        # all calls go through it: one past it would leave the gradients of processes apart
        self._comparison = create_pair_comparison(model, training_set)
        embedder = PairEmbedder(model, self._comparison)
        self._embed: Callable[[Sequence[Pair]], Rows] = embedder
        self._hold_sync: Callable[[], AbstractContextManager[None]] = nullcontext
        if group.size > 1:
            parallel = _wrap_embedder(embedder)
            self._embed, self._hold_sync = parallel, parallel.no_sync
        self._has_equal_gradients = group.size == 1
        self._parts: MicroBatches | None = None
        self._is_checked = False

    def begin_epoch(self, epoch: int, batches: Sequence[Batch]) -> None:
        """Begin to decode the pictures of the batches of an epoch, as far as this process needs."""
        if self._data.decoded is not None:
            shares = [self._group.take_share(self._list_pairs(batch)) for batch in batches]
            self._data.decoded.begin_epoch(epoch, shares)

    def _list_pairs(self, batch: Batch) -> list[Pair]:
        return [self._data.pairs[index] for index in batch]

    def compute(self, batch: Batch, num_steps: int = 0) -> Tensor:
        """Return the loss of a batch; ``num_steps`` counts the steps that were done.

        Raises:
            UsageError: if a batch that is divided gives other numbers than a whole one.
            EgoExoBenchError: if the loss is NaN or infinite.
        """
        pairs = self._list_pairs(batch)
        share = self._group.take_share(pairs)
        size = self._model.device_config.micro_batch or len(share)
        if size < len(pairs):
            self._require_divisible()
        self._parts = None
        if size < len(share):
            device = self._model.device_config.device
            self._parts = MicroBatches(self._embed, share, size, device)
        rows = self._embed(share) if self._parts is None else self._parts.rows
        return self._compare(self._join_rows(rows, len(pairs)), pairs, num_steps)

    def backpropagate(self, loss: Tensor) -> None:
        """Add the gradients of the loss that was computed last; it may be multiplied."""
        loss.backward()  # type: ignore[no-untyped-call]
        if self._parts is not None:
            self._parts.backpropagate(self._hold_sync)
            self._parts = None
        if self._group.size > 1 and isinstance(self._data.objective, nn.Module):
            self._group.set_mean_gradients(self._data.objective.parameters())
        if not self._has_equal_gradients:
            self._has_equal_gradients = self._group.have_equal_gradients(self._model.parameters())

    def _join_rows(self, rows: Rows, num_rows: int) -> Rows:
        """Return the rows of all processes; they travel as one tensor."""
        if self._group.size == 1:
            return rows
        if any(column.dim() > 2 for column in rows):  # processes may have sequences of other length
            lengths = self._group.find_largest([column.shape[1] for column in rows])
            rows = tuple(map(pad_rows, rows, lengths))
        flat = [column.flatten(1) for column in rows]
        joined = self._group.join_rows(torch.cat(flat, 1), num_rows)
        columns = joined.split([column.shape[1] for column in flat], 1)  # type: ignore[no-untyped-call]
        return tuple(
            column.to(own.dtype).reshape(-1, *own.shape[1:])
            for column, own in zip(columns, rows, strict=True)
        )

    def _compare(self, rows: Rows, pairs: Sequence[Pair], num_steps: int) -> Tensor:
        model = self._model
        loss = self._comparison.compute_loss(rows, pairs, num_steps)
        require_valid(find_loss_fault(loss), model.labels["objective"])
        if not torch.isfinite(loss):
            raise EgoExoBenchError(
                f"the loss of {model.method.name} became {loss.item()}; try a smaller learning "
                f"rate: --set lr={model.method.lr / 10:g}"
            )
        return loss

    def _require_divisible(self) -> None:
        if self._is_checked:
            return
        if layer := find_batch_layer(self._model):
            name, kind = layer
            raise UsageError(
                f"{name} of method {self._model.method.name!r} is {kind}, which computes with a "
                "whole batch, so that parts of it give other numbers; omit --micro-batch and "
                "train in one process"
            )
        self._is_checked = True


def _wrap_embedder(embedder: PairEmbedder) -> DistributedDataParallel:
    from torch.nn.parallel import DistributedDataParallel

    with warnings.catch_warnings():
        # 2.13 has another name for `broadcast_buffers`, which older versions do not know
        warnings.simplefilter("ignore", FutureWarning)
        return DistributedDataParallel(
            embedder,
            broadcast_buffers=False,  # no buffer changes in a step
            find_unused_parameters=True,  # an anchor needs a part of the encoders
            gradient_as_bucket_view=True,
        )
