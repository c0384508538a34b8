"""Encoder of texts with open_clip."""

from __future__ import annotations

from typing import Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egoexobench.toolbox import layers
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.image_towers.frames import build_quietly, check_layer, get_block_index
from egoexobench_plugins.image_towers.open_clip_model import TextTower

TextOutput = Literal["pooled", "tokens"]


@final
class OpenCLIPTextEncoder(nn.Module):
    """Encodes texts; each is padded to the context of the model, as it was trained."""

    modality: Modality = "text"
    train = layers.train_unless_frozen

    def __init__(
        self, tower: TextTower, *, output: TextOutput, layer: int | None, trained: bool
    ) -> None:
        super().__init__()
        check_layer(layer)
        self.model = tower.model
        self.tokenizer = tower.tokenizer
        self.context = tower.context
        self.content_hash = tower.content_hash
        self.output = output
        self.layer = layer
        self.frozen = not trained
        # the last token of a text; behind it stands padding
        end = getattr(tower.tokenizer, "eot_token_id", None)
        self.end = tower.tokenizer.tokenizer.eos_token_id if end is None else end
        layers.set_trainable(self, trained)
        self.model.eval()
        self.dim: int = build_quietly(tower.name, self._measure_width)
        self.model.train(trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.int64]:
        """Return the token ids ``(context,)`` of a text."""
        assert isinstance(source, str)  # noqa: S101 - the harness passes this modality
        token_ids: NDArray[np.int64] = self.tokenizer([source])[0].numpy()
        return token_ids

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens ``(B, 1, dim)`` of token ids ``(B, T)``, or ``(B, context, dim)``."""
        token_ids = values[:, : self.context]
        if self.output == "pooled" and self.layer is None:
            return Tokens(self.model.encode_text(token_ids)[:, None], mask[:, :1])
        states = self._read_states(token_ids)
        is_end = token_ids == self.end
        is_word = ((is_end.cumsum(1) - is_end.long()) == 0) & mask[:, : self.context]
        tokens = Tokens(states, is_word)
        if self.output == "tokens":
            return tokens
        return Tokens(layers.masked_mean(tokens)[:, None], mask[:, :1])

    def _read_states(self, token_ids: Tensor) -> Tensor:
        """Return the tokens ``(B, context, D)`` that leave a block, or the last norm."""
        output = self.model.forward_intermediates(
            text=token_ids,
            text_indices=[-1 if self.layer is None else get_block_index(self.layer)],
            normalize_intermediates=self.layer is None,
            intermediates_only=True,
        )
        states: Tensor = output["text_intermediates"][0]
        return states

    @torch.inference_mode()
    def _measure_width(self) -> int:
        token_ids = torch.from_numpy(self.prepare("a"))[None]
        return self.encode(token_ids, torch.ones_like(token_ids, dtype=torch.bool)).values.shape[2]
