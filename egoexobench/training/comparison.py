"""What an objective compares of a batch of pairs: one vector of each video, or its tokens in time.

A comparison embeds some pairs, each from its own clips and texts alone, and computes the loss from
the rows of all pairs of a batch. So the rows of parts of a batch, and of several processes, can be
joined in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, final

import torch
from torch import Tensor

from egoexobench.device import autocast
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import PairVectors, compute_targets, embed_pair_rows
from egoexobench.models.frame_tokens import embed_frame_tokens
from egoexobench.protocols import Anchor, Objective, SequenceObjective
from egoexobench.training.rows import Rows
from egoexobench.training.training_set import TrainingSet
from egoexobench.types import VIEWS, Pair, PairSequences, Tokens


class Comparison(Protocol):
    """Embeds pairs and compares them."""

    def embed(self, pairs: Sequence[Pair]) -> Rows:
        """Return the rows of some pairs, one of each tensor a pair."""
        ...

    def compute_loss(self, rows: Rows, pairs: Sequence[Pair], num_steps: int) -> Tensor:
        """Return the loss of a batch; ``num_steps`` counts the steps that were done."""
        ...


def create_pair_comparison(model: EmbeddingModel, training_set: TrainingSet) -> Comparison:
    """Return the comparison that the objective of a training set needs."""
    objective, anchor = training_set.objective, training_set.anchor
    if isinstance(objective, SequenceObjective):
        return SequenceComparison(model, training_set, objective)
    if anchor is None:
        message = "an objective on embeddings needs an anchor"
        raise ValueError(message)
    return VectorComparison(model, training_set, anchor, objective)


@final
class VectorComparison:
    """Compares one vector of each video with the targets of an anchor.

    The rows are those of ego videos, exo videos and each input of the anchor, ``(B, D)``.
    """

    def __init__(
        self,
        model: EmbeddingModel,
        training_set: TrainingSet,
        anchor: Anchor,
        objective: Objective,
    ) -> None:
        self._model, self._data = model, training_set
        self._anchor, self._objective = anchor, objective

    def embed(self, pairs: Sequence[Pair]) -> Rows:
        """Return the rows of some pairs."""
        inputs = self._data.read(pairs)
        with autocast(self._model.device_config):
            vectors = embed_pair_rows(self._model, inputs, pairs, self._anchor.required_inputs)
        return vectors.ego, vectors.exo, *vectors.anchor_inputs.values()

    def compute_loss(self, rows: Rows, pairs: Sequence[Pair], num_steps: int) -> Tensor:
        """Return the loss of a batch."""
        del num_steps
        ego, exo, *anchor_inputs = rows
        named = dict(zip(self._anchor.required_inputs, anchor_inputs, strict=True))
        with autocast(self._model.device_config):
            targets = compute_targets(self._model, PairVectors(ego, exo, named), self._anchor)
        dtype = torch.promote_types(ego.dtype, torch.float32)  # half precision is for the model
        ego, exo, ego_target, exo_target = (vectors.to(dtype) for vectors in (ego, exo, *targets))
        videos = ego, exo
        labels = [pair.labels for pair in pairs]
        return self._objective(*videos, ego_target, exo_target, labels)


@final
class SequenceComparison:
    """Compares the projected tokens of both videos of a pair in time.

    The rows are, for each view, tokens ``(B, T, D)``, 1 for a real token and 0 for padding
    ``(B, T)``, and times ``(B, T)``.
    """

    def __init__(
        self, model: EmbeddingModel, training_set: TrainingSet, objective: SequenceObjective
    ) -> None:
        self._model, self._data, self._objective = model, training_set, objective

    def embed(self, pairs: Sequence[Pair]) -> Rows:
        """Return the rows of some pairs."""
        inputs = self._data.read(pairs)
        rows: list[Tensor] = []
        with autocast(self._model.device_config):
            for view in VIEWS:
                ids = [pair.ego.id if view == "ego" else pair.exo.id for pair in pairs]
                frames = embed_frame_tokens(self._model, inputs, ids, view)
                mask = frames.tokens.mask.to(frames.times.dtype)
                rows += [frames.tokens.values, mask, frames.times]
        return tuple(rows)

    def compute_loss(self, rows: Rows, pairs: Sequence[Pair], num_steps: int) -> Tensor:
        """Return the loss of a batch."""
        ego, ego_mask, ego_times, exo, exo_mask, exo_times = rows
        dtype = torch.promote_types(ego.dtype, torch.float32)  # half precision is for the model
        clip_times = self._data.inputs.clip_times
        ego_durations, exo_durations = (
            ego_times.new_tensor([clip_times[clip.id].duration for clip in clips])
            for clips in ([pair.ego for pair in pairs], [pair.exo for pair in pairs])
        )
        sequences = PairSequences(
            ego=Tokens(ego.to(dtype), ego_mask > 0),
            exo=Tokens(exo.to(dtype), exo_mask > 0),
            ego_times=ego_times,
            exo_times=exo_times,
            ego_durations=ego_durations,
            exo_durations=exo_durations,
            num_steps=num_steps,
        )
        return self._objective.compare_sequences(sequences, [pair.labels for pair in pairs])
