"""open_clip's text transformer as an encoder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.errors import UsageError
from egoexobench.toolbox import checkpoint
from egoexobench.toolbox.layers import set_trainable, train_unless_frozen
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.clip_text.tokenizer import Truncation, tokenize_text

TOWER_PREFIXES = (
    "transformer.",
    "token_embedding.",
    "positional_embedding",
    "ln_final.",
    "text_projection",
)
"""Prefixes of the text tower's keys in every published file."""


@dataclass(frozen=True, slots=True)
class CLIPTextConfig:
    """Sizes of the tower."""

    context: int
    width: int
    heads: int
    depth: int
    project: int
    checkpointing: bool = False
    """Recompute blocks in the backward pass."""
    vocabulary: int = 49_408
    eps: float = 1e-5
    """Epsilon of every norm."""


@final
class CLIPTextEncoder(nn.Module):
    """Encodes text with CLIP's text tower; the options are those of the factory."""

    modality: Modality = "text"
    train = train_unless_frozen

    def __init__(
        self,
        config: CLIPTextConfig,
        output: Literal["pooled", "all"],
        truncate: Truncation,
        trained: bool,
    ) -> None:
        super().__init__()
        self.config = config
        self.output = output
        self.truncate: Truncation = truncate
        self.frozen = not trained
        self.dim = config.project
        self.tower = _build_tower(config)
        set_trainable(self, trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.int64]:
        """Return the token ids ``(T,)`` of the text."""
        assert isinstance(source, str)  # noqa: S101 - the harness passes this modality
        return np.array(tokenize_text(source, self.config.context, self.truncate), np.int64)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens ``(B, 1, dim)`` of token ids ``(B, T)``, or ``(B, T, dim)`` for `all`."""
        tokens = values.masked_fill(~mask, 0)
        states = self._compute_states(tokens)
        if self.output == "all":
            return Tokens(states @ self.tower.text_projection, mask)
        return Tokens(self._pool_states(states, tokens)[:, None], mask[:, :1])

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the published embeddings ``(B, dim)`` of token ids ``(B, T)``, padded by 0."""
        return self._pool_states(self._compute_states(tokens), tokens)

    def load_checkpoint(self, path: Path) -> None:
        """Load the tower's weights from a published checkpoint.

        Raises:
            DataError: if the file lacks a weight or has other sizes.
        """
        self.load_pretrained(checkpoint.read_state_dict(path), str(path))

    def load_pretrained(self, state: Mapping[str, Tensor], source: str) -> None:
        """Load published weights into the tower; weights of other parts are ignored.

        Raises:
            DataError: if weights are missing, unexpected or of another size.
        """
        tower_state = {name: state[key] for key, name in remap_clip_text_keys(state).items()}
        if (table := tower_state.get("positional_embedding")) is not None:
            tower_state["positional_embedding"] = resize_positions(
                table.float(), self.config.context
            )
        checkpoint.load_state_dict_strict(self.tower, tower_state, f"clip-text ({source})")

    def _compute_states(self, tokens: Tensor) -> Tensor:
        """Return the normalized states ``(B, T, width)`` of token ids ``(B, T)``.

        The mask is causal: padding behind the end token changes nothing in front of it, so a
        batch is as long as its longest text.
        """
        length = tokens.shape[1]
        positions = resize_positions(self.tower.positional_embedding, length)
        causal_mask = torch.full((length, length), -torch.inf, device=tokens.device).triu(1)
        embedded = self.tower.token_embedding(tokens) + positions
        states: Tensor = self.tower.ln_final(
            self.tower.transformer(embedded, attn_mask=causal_mask)
        )
        return states

    def _pool_states(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Project the state at the largest id: the end token, if the text still has one."""
        rows = torch.arange(len(tokens), device=tokens.device)
        pooled: Tensor = states[rows, tokens.argmax(-1)] @ self.tower.text_projection
        return pooled


def remap_clip_text_keys(keys: Iterable[str]) -> dict[str, str]:
    """Map the text tower's published keys to the keys of our module."""
    return {key: key for key in keys if key.startswith(TOWER_PREFIXES)}


def resize_positions(table: Tensor, length: int) -> Tensor:
    """Return a position table ``(L, D)`` with another length: its first rows, or interpolated.

    Interpolation is EgoInstructor's rule (retrieval/models/retriever.py), which makes 300 rows of
    CLIP's 77; the other systems do not need it.
    """
    if length <= len(table):
        return table[:length]
    columns = table.T[None]  # (1, D, L)
    return functional.interpolate(columns, length, mode="linear", align_corners=False)[0].T


def _build_tower(config: CLIPTextConfig) -> Any:
    """Return open_clip's module; its parameters have the published names."""
    if config.width % config.heads:
        raise UsageError(
            f"clip-text: width={config.width} must be a multiple of heads={config.heads}"
        )
    from open_clip.transformer import LayerNorm, QuickGELU, TextTransformer

    tower = TextTransformer(
        context_length=config.context,
        vocab_size=config.vocabulary,
        width=config.width,
        heads=config.heads,
        layers=config.depth,
        output_dim=config.project,
        act_layer=QuickGELU,
        norm_layer=partial(LayerNorm, eps=config.eps),
    )
    tower.set_grad_checkpointing(config.checkpointing)
    return tower
