"""The loss of a batch of pairs and its gradients, in one part or in several."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from egoexobench.device import autocast
from egoexobench.errors import EgoExoBenchError, UsageError
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import (
    FeatureInputs,
    PairVectors,
    compute_targets,
    embed_pair_rows,
)
from egoexobench.part_results import find_loss_fault, require_valid
from egoexobench.process_group import SINGLE, ProcessGroup
from egoexobench.protocols import Anchor, Objective
from egoexobench.training.batches import Batch
from egoexobench.training.decoded_inputs import DecodedInputs
from egoexobench.training.micro_batches import MicroBatches, Rows, find_batch_layer
from egoexobench.types import Pair

if TYPE_CHECKING:
    from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The pairs, their features, the anchor that gives the targets, and the loss."""

    pairs: Sequence[Pair]
    inputs: FeatureInputs
    anchor: Anchor
    objective: Objective
    decoded: DecodedInputs | None = None
    """Gives pictures that are decoded when they are needed; None uses those of ``inputs``."""

    def read(self, pairs: Sequence[Pair]) -> FeatureInputs:
        """Return the inputs of a batch or of a part of it."""
        return self.inputs if self.decoded is None else self.decoded.read(pairs)


@final
class PairEmbedder(nn.Module):
    """Embeds pairs: what has gradients of its own in each part of a batch.

    Args:
        model: embeds.
        training_set: its features and its anchor.
    """

    def __init__(self, model: EmbeddingModel, training_set: TrainingSet) -> None:
        super().__init__()
        self.model = model
        self.training_set = training_set

    def forward(self, pairs: Sequence[Pair]) -> Rows:
        """Return the rows of ego videos, exo videos and each input of the anchor, ``(B, D)``."""
        data = self.training_set
        inputs = data.read(pairs)
        with autocast(self.model.device_config):
            vectors = embed_pair_rows(self.model, inputs, pairs, data.anchor.required_inputs)
        return vectors.ego, vectors.exo, *vectors.anchor_inputs.values()


@final
class PairLoss:
    """Computes the loss of batches; anchor and objective see all pairs of a batch together.

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
        embedder = PairEmbedder(model, training_set)
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

    def compute(self, batch: Batch) -> Tensor:
        """Return the loss of a batch.

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
        return self._compare(self._join_rows(rows, len(pairs)), pairs)

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
        joined = self._group.join_rows(torch.cat(rows, 1), num_rows)
        widths = [column.shape[1] for column in rows]
        columns = joined.split(widths, 1)  # type: ignore[no-untyped-call]
        return tuple(column.to(own.dtype) for column, own in zip(columns, rows, strict=True))

    def _compare(self, rows: Rows, pairs: Sequence[Pair]) -> Tensor:
        model, anchor = self._model, self._data.anchor
        ego, exo, *anchor_inputs = rows
        named = dict(zip(anchor.required_inputs, anchor_inputs, strict=True))
        with autocast(model.device_config):
            targets = compute_targets(model, PairVectors(ego, exo, named), anchor)
        dtype = torch.promote_types(ego.dtype, torch.float32)  # half precision is for the model
        ego, exo, ego_target, exo_target = (vectors.to(dtype) for vectors in (ego, exo, *targets))
        labels = [pair.labels for pair in pairs]
        loss = self._data.objective(ego, exo, ego_target, exo_target, labels)
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
