"""Encoder of texts with open_clip."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from egoexobench.toolbox import layers
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.image_towers.open_clip_model import TextTower


@final
class OpenCLIPTextEncoder(nn.Module):
    """Encodes texts; each is padded to the context of the model, as it was trained."""

    modality: Modality = "text"
    train = layers.train_unless_frozen

    def __init__(self, tower: TextTower, *, trained: bool) -> None:
        super().__init__()
        self.model = tower.model
        self.tokenizer = tower.tokenizer
        self.context = tower.context
        self.content_hash = tower.content_hash
        self.dim = tower.width
        self.frozen = not trained
        layers.set_trainable(self, trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.int64]:
        """Return the token ids ``(context,)`` of a text."""
        assert isinstance(source, str)  # noqa: S101 - the harness passes this modality
        token_ids: NDArray[np.int64] = self.tokenizer([source])[0].numpy()
        return token_ids

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens ``(B, 1, dim)`` of token ids ``(B, T)``."""
        vectors = self.model.encode_text(values[:, : self.context])
        return Tokens(vectors[:, None], mask[:, :1])
