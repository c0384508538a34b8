"""Chooses how epochs are compared: by what split val of a data set can score."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from egoexobench.evaluation.frame_alignment import compute_mean_tau
from egoexobench.experiment.build import MethodParts
from egoexobench.experiment.embed import create_rank_function, embed_inputs, validation_mrr
from egoexobench.experiment.frame_embedding import (
    LabeledClips,
    embed_labeled_clips,
    explain_no_frames,
    read_labeled_clips,
)
from egoexobench.experiment.inputs import PreparedDataset
from egoexobench.method import ALIGNMENT_METRIC, VALIDATION_METRIC
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.protocols import HasFrameLabels, SequenceObjective

LAST_EPOCH_METRIC = "number of the epoch, because nothing of split val can be scored"


class Validation(NamedTuple):
    """The metric by which an epoch is chosen."""

    name: str
    """As a record says it."""
    measure: Callable[[EmbeddingModel], float] | None
    """Returns the value of a model; larger is better. None uses the last epoch."""


def choose_validation(parts: MethodParts, training_set: PreparedDataset) -> Validation:
    """Return how the epochs of a training are compared.

    It is the retrieval of the pairs of split val, or, if it has no pair, the alignment of its
    frames. An objective on sequences is compared by alignment first, because it trains nothing that
    retrieval measures. If split val has neither, the last epoch is used.
    """
    choices = [_choose_retrieval(parts, training_set), _choose_alignment(parts, training_set)]
    if isinstance(parts.objective, SequenceObjective):
        choices.reverse()
    return next(filter(None, choices), Validation(LAST_EPOCH_METRIC, None))


def _choose_retrieval(parts: MethodParts, training_set: PreparedDataset) -> Validation | None:
    dataset, inputs = training_set.dataset, training_set.inputs
    if not inputs.pairs["val"]:
        return None

    def rank_pairs(model: EmbeddingModel) -> float:
        embeddings = embed_inputs(model, parts, inputs, ["val"])
        return validation_mrr(dataset, embeddings, create_rank_function(parts))

    return Validation(VALIDATION_METRIC, rank_pairs)


def _choose_alignment(parts: MethodParts, training_set: PreparedDataset) -> Validation | None:
    dataset, inputs = training_set.dataset, training_set.inputs
    if explain_no_frames(parts, dataset, training_set.record.name):
        return None
    assert isinstance(dataset, HasFrameLabels)  # noqa: S101 - there would be a reason
    stride, used = dataset.alignment_stride, {clip.id for clip in inputs.clips["val"]}
    if not any(labels.clip_id in used for labels in dataset.list_frame_labels("val")):
        return None

    @cache
    def read_labeled() -> LabeledClips:
        return read_labeled_clips(parts, training_set, "val")

    def align_frames(model: EmbeddingModel) -> float:
        frames = embed_labeled_clips(model, parts, training_set, read_labeled())
        return compute_mean_tau(frames, stride)

    return Validation(ALIGNMENT_METRIC, align_frames)
