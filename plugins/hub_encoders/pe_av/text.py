"""Encoder of texts: one vector by each head that the evidence of the clips needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egoexobench.toolbox import layers
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.hub_encoders.pe_av.model import Evidence, hash_files, load_model
from egoexobench_plugins.hub_encoders.text import load_tokenizer

HEADS: Mapping[Evidence, tuple[str, ...]] = {
    "joint": ("text_audio_video_head", "video_model.text_video_head"),
    "video": ("text_video_head",),
    "audio": ("text_audio_head",),
}
"""The heads of the model for each kind of evidence."""


@final
class PeAvTextEncoder(nn.Module):
    """One token a text: what each head makes of the first token, side by side."""

    modality: Modality = "text"
    train = layers.train_unless_frozen

    def __init__(self, folder: Path, *, name: str, evidence: Evidence, trained: bool) -> None:
        super().__init__()
        model = load_model(folder, name, evidence)
        self.encoder = model.text_model
        self.heads = nn.ModuleList(model.get_submodule(path) for path in HEADS[evidence])
        self.tokenizer = load_tokenizer(folder)
        positions: int = model.config.text_config.max_position_embeddings
        self.context = min(self.tokenizer.model_max_length, positions)
        self.content_hash = hash_files(folder)
        self.frozen = not trained
        self.dim: int = len(self.heads) * model.config.text_config.hidden_size
        layers.set_trainable(self, trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.int64]:
        """Return the token ids ``(T,)`` of a text with its start and end, ``context`` at most."""
        assert isinstance(source, str)  # noqa: S101 - the harness passes this modality
        token_ids = self.tokenizer(source, truncation=True, max_length=self.context)["input_ids"]
        return np.array(token_ids, np.int64)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return one token ``(B, 1, dim)`` of each text; ids are ``(B, T)``."""
        rows = mask.any(1)
        tokens = next(self.parameters()).new_zeros(len(mask), 1, self.dim)
        if bool(rows.any()):
            token_ids = values.masked_fill(~mask, self.tokenizer.pad_token_id or 0)[rows]
            output = self.encoder(
                input_ids=token_ids, attention_mask=mask[rows].long(), output_hidden_states=True
            )
            first = output.hidden_states[-1][:, 0]
            vectors = torch.cat([head(first) for head in self.heads], 1)
            tokens = tokens.index_put((rows,), vectors[:, None].to(tokens.dtype))
        return Tokens(tokens, rows[:, None])
