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
from egoexobench_plugins.clip_text.tokenizer import Cut, ids

TOWER = (
    "transformer.",
    "token_embedding.",
    "positional_embedding",
    "ln_final.",
    "text_projection",
)
"""How the names of the text tower start in every published file."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the tower."""

    context: int
    width: int
    heads: int
    depth: int
    project: int
    checkpointing: bool = False
    """Compute blocks again in the backward pass."""
    vocabulary: int = 49_408
    eps: float = 1e-5
    """Of every norm."""


@final
class ClipText(nn.Module):
    """Options as in the factory."""

    modality: Modality = "text"
    train = train_unless_frozen

    def __init__(
        self,
        shape: Shape,
        output: Literal["pooled", "all"],
        truncate: Cut,
        trained: bool,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.output = output
        self.truncate: Cut = truncate
        self.frozen = not trained
        self.dim = shape.project
        self.tower = _tower(shape)
        set_trainable(self, trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.int64]:
        """Text to token ids ``(T,)``."""
        assert isinstance(source, str)  # noqa: S101 - the harness hands over its modality
        return np.array(ids(source, self.shape.context, self.truncate), np.int64)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Token ids ``(B, T)`` to tokens ``(B, 1, dim)``, or ``(B, T, dim)`` where all are kept."""
        tokens = values.masked_fill(~mask, 0)
        states = self._states(tokens)
        if self.output == "all":
            return Tokens(states @ self.tower.text_projection, mask)
        return Tokens(self._pooled(states, tokens)[:, None], mask[:, :1])

    def embed(self, tokens: Tensor) -> Tensor:
        """Token ids ``(B, T)``, zeros behind the end, to the published embedding ``(B, dim)``."""
        return self._pooled(self._states(tokens), tokens)

    def load(self, path: Path) -> None:
        """Take the tower's weights out of a published checkpoint.

        Raises:
            DataError: for a file that lacks one of them, or whose sizes are others.
        """
        self.fit(checkpoint.read_state_dict(path), str(path))

    def fit(self, state: Mapping[str, Tensor], source: str) -> None:
        """Put published weights into the tower; what belongs to other parts is left alone.

        Raises:
            DataError: naming what is missing, unexpected or of another size.
        """
        mine = {name: state[key] for key, name in names(state).items()}
        if (table := mine.get("positional_embedding")) is not None:
            mine["positional_embedding"] = resized(table.float(), self.shape.context)
        checkpoint.load_state_dict_strict(self.tower, mine, f"clip-text ({source})")

    def _states(self, tokens: Tensor) -> Tensor:
        """Token ids ``(B, T)`` to normalised states ``(B, T, width)``.

        The mask is causal: what stands behind the end token changes nothing before it, so a batch
        is only as long as its longest text.
        """
        length = tokens.shape[1]
        places = resized(self.tower.positional_embedding, length)
        future = torch.full((length, length), -torch.inf, device=tokens.device).triu(1)
        inside = self.tower.token_embedding(tokens) + places
        states: Tensor = self.tower.ln_final(self.tower.transformer(inside, attn_mask=future))
        return states

    def _pooled(self, states: Tensor, tokens: Tensor) -> Tensor:
        """At the largest id, which is the end token wherever a text still has one."""
        rows = torch.arange(len(tokens), device=tokens.device)
        pooled: Tensor = states[rows, tokens.argmax(-1)] @ self.tower.text_projection
        return pooled


def names(keys: Iterable[str]) -> dict[str, str]:
    """Published names of the text tower, each with the name that it has here."""
    return {key: key for key in keys if key.startswith(TOWER)}


def resized(table: Tensor, length: int) -> Tensor:
    """A positional table ``(L, D)`` for another length: its first rows, or interpolated.

    Growing is EgoInstructor's rule (retrieval/models/retriever.py), which makes CLIP's 77 rows 300;
    the other systems never need it.
    """
    if length <= len(table):
        return table[:length]
    along = table.T[None]  # (1, D, L)
    return functional.interpolate(along, length, mode="linear", align_corners=False)[0].T


def _tower(shape: Shape) -> Any:
    """open_clip's module, whose parameters have the published names already."""
    if shape.width % shape.heads:
        raise UsageError(
            f"clip-text: width={shape.width} must be a multiple of heads={shape.heads}"
        )
    from open_clip.transformer import LayerNorm, QuickGELU, TextTransformer

    tower = TextTransformer(
        shape.context,
        shape.vocabulary,
        shape.width,
        shape.heads,
        shape.depth,
        output_dim=shape.project,
        act_layer=QuickGELU,
        norm_layer=partial(LayerNorm, eps=shape.eps),
    )
    tower.set_grad_checkpointing(shape.checkpointing)
    return tower
