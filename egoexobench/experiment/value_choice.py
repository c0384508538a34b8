"""Chooses the open number of a fusion on the validation split, before anything is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from egoexobench.errors import DataError, UsageError
from egoexobench.experiment.build import MethodParts
from egoexobench.experiment.embed import create_rank_function, embed_inputs, validation_mrr
from egoexobench.experiment.inputs import PreparedDataset
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.protocols import HasOpenValue


@dataclass(frozen=True, slots=True)
class ValueChoice:
    """The value that is used, and the validation metric of each candidate in their order."""

    value: float
    validation_values: Mapping[float, float]
    roles: tuple[str, ...]
    """Fusions that use it."""


def choose_value(
    model: EmbeddingModel, parts: MethodParts, dataset: PreparedDataset
) -> ValueChoice | None:
    """Set the open number of the fusions to the candidate with the best validation metric.

    The clips and pairs of split val decide, and nothing else: no other split is embedded here. The
    first of equal candidates is used.

    Args:
        model: a trained model, or one that is not trained; changed in place.
        parts: the method.
        dataset: the data set whose split val is used, the one that a method is trained on.

    Returns:
        None for a method whose fusions have no open number.

    Raises:
        UsageError: if two fusions list other candidates, or the method is trained.
        DataError: if split val has no question.
    """
    fusions = {
        name: fusion
        for name, fusion in model.fusions.items()
        if isinstance(fusion, HasOpenValue) and fusion.candidate_values
    }
    if not fusions:
        return None
    candidates = {tuple(fusion.candidate_values) for fusion in fusions.values()}
    if len(candidates) > 1 or parts.objective is not None:
        raise UsageError(
            f"method {parts.method.name!r} leaves a value of its fusions open, which is chosen for "
            "all of them once, after encoders that are not trained; give the fusions their value"
        )
    if not dataset.inputs.pairs["val"]:
        raise DataError(
            f"{dataset.record.spec} has no usable pair in split val, on which a value of the "
            f"fusions of method {parts.method.name!r} is chosen; give the value, such as "
            f"{parts.method.name}:weight=0.5, which is recorded"
        )
    scores = {}
    for value in candidates.pop():
        _use_value(fusions, value)
        scores[value] = validation_mrr(
            dataset.dataset,
            embed_inputs(model, parts, dataset.inputs, ["val"]),
            create_rank_function(parts),
        )
    best = max(scores, key=lambda value: scores[value])  # the first of equals
    _use_value(fusions, best)
    roles = dict.fromkeys("text_fusion" if name == "text" else "video_fusion" for name in fusions)
    return ValueChoice(best, scores, tuple(roles))


def _use_value(fusions: Mapping[str, HasOpenValue], value: float) -> None:
    for fusion in fusions.values():
        fusion.use_value(value)
