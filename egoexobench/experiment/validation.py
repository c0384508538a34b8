"""Chooses how epochs are compared: by what split val of a data set can score."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from egoexobench.experiment.build import MethodParts
from egoexobench.experiment.embed import create_rank_function, embed_inputs, validation_mrr
from egoexobench.experiment.inputs import PreparedDataset
from egoexobench.method import VALIDATION_METRIC
from egoexobench.models.embedding_model import EmbeddingModel

LAST_EPOCH_METRIC = "number of the epoch, because nothing of split val can be scored"


class Validation(NamedTuple):
    """The metric by which an epoch is chosen."""

    name: str
    """As a record says it."""
    measure: Callable[[EmbeddingModel], float] | None
    """Returns the value of a model; larger is better. None uses the last epoch."""


def choose_validation(parts: MethodParts, training_set: PreparedDataset) -> Validation:
    """Return how the epochs of a training are compared.

    It is the retrieval of the pairs of split val. Without any it is the last epoch.
    """
    dataset, inputs = training_set.dataset, training_set.inputs
    if not inputs.pairs["val"]:
        return Validation(LAST_EPOCH_METRIC, None)

    def rank_pairs(model: EmbeddingModel) -> float:
        embeddings = embed_inputs(model, parts, inputs, ["val"])
        return validation_mrr(dataset, embeddings, create_rank_function(parts))

    return Validation(VALIDATION_METRIC, rank_pairs)
