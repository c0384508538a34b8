"""The loss of a batch of pairs and its gradients, in one part or in several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

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
from egoexobench.protocols import Anchor, Objective
from egoexobench.training.batches import Batch
from egoexobench.training.micro_batches import MicroBatches, Rows, find_batch_layer
from egoexobench.types import Pair


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The pairs, their features, the anchor that gives the targets, and the loss."""

    pairs: Sequence[Pair]
    inputs: FeatureInputs
    anchor: Anchor
    objective: Objective


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
        with autocast(self.model.device_config):
            vectors = embed_pair_rows(self.model, data.inputs, pairs, data.anchor.required_inputs)
        return vectors.ego, vectors.exo, *vectors.anchor_inputs.values()


@final
class PairLoss:
    """Computes the loss of batches; anchor and objective see all pairs of a batch together.

    Args:
        model: trained.
        training_set: the data, the anchor and the loss.
    """

    def __init__(self, model: EmbeddingModel, training_set: TrainingSet) -> None:
        self._model, self._data = model, training_set
        self._embedder = PairEmbedder(model, training_set)
        self._parts: MicroBatches | None = None
        self._is_checked = False

    def compute(self, batch: Batch) -> Tensor:
        """Return the loss of a batch.

        Raises:
            UsageError: if a batch that is divided gives other numbers than a whole one.
            EgoExoBenchError: if the loss is NaN or infinite.
        """
        pairs = [self._data.pairs[index] for index in batch]
        size = self._model.device_config.micro_batch or len(pairs)
        self._parts = None
        if size < len(pairs):
            self._require_divisible(size)
            device = self._model.device_config.device
            self._parts = MicroBatches(self._embedder, pairs, size, device)
        rows = self._embedder(pairs) if self._parts is None else self._parts.rows
        return self._compare(rows, pairs)

    def backpropagate(self, loss: Tensor) -> None:
        """Add the gradients of the loss that was computed last; it may be multiplied."""
        loss.backward()  # type: ignore[no-untyped-call]
        if self._parts is not None:
            self._parts.backpropagate()
            self._parts = None

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

    def _require_divisible(self, size: int) -> None:
        if self._is_checked:
            return
        if layer := find_batch_layer(self._model):
            name, kind = layer
            raise UsageError(
                f"--micro-batch {size} would change the numbers of {self._model.method.name}: "
                f"{name} is {kind}, which computes with the whole batch; omit --micro-batch"
            )
        self._is_checked = True
