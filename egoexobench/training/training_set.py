"""What a method is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.protocols import Anchor, Objective, SequenceObjective
from egoexobench.training.decoded_inputs import DecodedInputs
from egoexobench.types import Pair


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The pairs, their features, the anchor that gives the targets, and the loss."""

    pairs: Sequence[Pair]
    inputs: FeatureInputs
    anchor: Anchor | None
    """None for an objective that compares sequences, which has no targets."""
    objective: Objective | SequenceObjective
    decoded: DecodedInputs | None = None
    """Gives pictures that are decoded when they are needed; None uses those of ``inputs``."""

    def read(self, pairs: Sequence[Pair]) -> FeatureInputs:
        """Return the inputs of a batch or of a part of it."""
        return self.inputs if self.decoded is None else self.decoded.read(pairs)
