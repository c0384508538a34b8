"""What the encoders of this plug-in share: a model, and which of its numbers are read."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from egoexobench.toolbox import layers
from egoexobench.types import Modality
from egoexobench_plugins.hub_encoders.family import Pooling
from egoexobench_plugins.hub_encoders.load import PretrainedModel


class HubEncoder(nn.Module):
    """Base of the encoders, which differ in ``prepare`` and ``encode``.

    Args:
        pretrained: the model and its family.
        output: what a token stands for.
        layer: number of the hidden state that is read; None reads what the model returns.
        trained: whether it is trained inside the method.
        has_vectors: whether this output consists of pooled vectors.
        pooling: of these vectors; None: that of the family.

    Raises:
        UsageError: for a layer of a model whose layers differ in width.
    """

    modality: Modality
    train = layers.train_unless_frozen

    def __init__(
        self,
        pretrained: PretrainedModel,
        *,
        output: str,
        layer: int | None,
        trained: bool,
        has_vectors: bool,
        pooling: Pooling | None = None,
    ) -> None:
        super().__init__()
        pretrained.check_layer(layer)
        self.model = pretrained.model
        self.family = pretrained.family
        self.content_hash = pretrained.content_hash
        self.output = output
        self.layer = layer
        self.frozen = not trained
        self.pooling = pooling or self.family.pooling
        self.num_special = pretrained.count_special()
        is_of_family = self.pooling == self.family.pooling
        self.is_published = has_vectors and layer is None and is_of_family
        """Whether it returns the vectors that the authors of the family publish."""
        self.dim = pretrained.get_width(is_pooler=self.is_published)
        layers.set_trainable(self, trained)

    def run_model(self, **inputs: Tensor) -> Any:
        """Return what the model of the family computes."""
        return getattr(self.model, self.family.call)(
            **inputs, **self.family.call_arguments, output_hidden_states=self.layer is not None
        )

    def get_states(self, result: Any) -> Tensor:
        """Return the tokens that a model returned, or one of its hidden states."""
        if self.layer is None:
            states: Tensor = result.last_hidden_state
        else:
            states = result.hidden_states[self.layer]
        return states

    def project(self, vectors: Tensor) -> Tensor:
        """Return the published vectors of pooled tokens ``(N, width)``."""
        if not (self.is_published and self.family.projection):
            return vectors
        projected: Tensor = getattr(self.model, self.family.projection)(vectors)
        return projected
