"""DistilBERT of transformers as an encoder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from egoexobench.errors import UsageError
from egoexobench.toolbox import checkpoint
from egoexobench.toolbox.layers import set_trainable, train_unless_frozen
from egoexobench.types import Audio, Frames, Modality, Tokens

if TYPE_CHECKING:
    from tokenizers import BertWordPieceTokenizer

TOWERS = ("text_model.", "textual.")
"""Frozen-in-Time and EgoVLP; LaViLa, and EgoVLP as converted by LaViLa."""
PROJECTIONS = {
    "txt_proj.1.weight": "projection.weight",
    "txt_proj.1.bias": "projection.bias",
    "text_projection.1.weight": "projection.weight",  # EgoVLP as converted by LaViLa
    "text_projection.1.bias": "projection.bias",
    "text_projection": "projection.weight",  # (width, project): stands transposed
}
LEGACY = "embeddings.position_ids"
"""A buffer of old versions of transformers: 0, 1, 2, ..."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the tower; ``eps`` is that of every norm."""

    width: int
    depth: int
    heads: int
    hidden: int
    context: int
    project: int | None
    vocabulary: int
    eps: float = 1e-12


@final
class DistilBertText(nn.Module):
    """Options as in the factory."""

    modality: Modality = "text"
    train = train_unless_frozen

    def __init__(
        self,
        shape: Shape,
        tokenizer: BertWordPieceTokenizer | None,
        head: Literal["relu", "plain"],
        output: Literal["cls", "all"],
        trained: bool,
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.relu = head == "relu"
        self.output = output
        self.frozen = not trained
        self.dim = shape.project or shape.width
        self.tower = _tower(shape)
        self.projection = (
            nn.Linear(shape.width, shape.project, bias=self.relu) if shape.project else None
        )
        set_trainable(self, trained)  # it drops out as published where it is trained

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.int64]:
        """Text to token ids ``(T,)``."""
        assert isinstance(source, str)  # noqa: S101 - the harness hands over its modality
        assert self.tokenizer is not None  # noqa: S101 - only tests leave it out
        return np.array(self.tokenizer.encode(source).ids, np.int64)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Token ids ``(B, T)`` to tokens ``(B, 1, dim)``, or ``(B, T, dim)`` where all are kept."""
        states = self.states(values.masked_fill(~mask, 0), mask)
        if self.output == "all":
            return Tokens(self.project(states), mask)
        return Tokens(self.project(states[:, :1]), mask[:, :1])

    def states(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Token ids ``(B, T)`` to the tower's last states ``(B, T, width)``."""
        states: Tensor = self.tower(tokens, attention_mask=mask.long()).last_hidden_state
        return states

    def project(self, states: Tensor) -> Tensor:
        """States to the shared space."""
        if self.projection is None:
            return states
        projected: Tensor = self.projection(states.relu() if self.relu else states)
        return projected

    def load(self, path: Path) -> None:
        """Take the text tower's weights out of a published checkpoint.

        Raises:
            DataError: for a file that lacks one of them, or whose sizes are others.
        """
        self.fit(checkpoint.read_state_dict(path), str(path))

    def fit(self, state: Mapping[str, Tensor], source: str) -> None:
        """Put published weights in place; what belongs to other parts is left alone.

        Raises:
            DataError: naming what is missing, unexpected or of another size.
        """
        mine = {name: state[key] for key, name in names(state).items()}
        if self.projection is None:
            mine = {name: one for name, one in mine.items() if name.startswith("tower.")}
        if "text_projection" in state and "projection.weight" in mine:
            mine["projection.weight"] = mine["projection.weight"].T
        ignored = (f"tower.{LEGACY}",)
        checkpoint.load_state_dict_strict(
            self, mine, f"distilbert-text ({source})", ignored_keys=ignored
        )


def names(keys: Iterable[str]) -> dict[str, str]:
    """Published names of the text tower and its projection, each with the name it has here.

    A state of DistilBERT alone has no prefix.
    """
    keys = frozenset(keys)
    tower = next((p for p in TOWERS if any(key.startswith(p) for key in keys)), None)
    if tower is None:
        own = ("embeddings.", "transformer.layer.")
        return {key: f"tower.{key}" for key in keys if key.startswith(own)}
    inside = {key: f"tower.{key.removeprefix(tower)}" for key in keys if key.startswith(tower)}
    return inside | {key: name for key, name in PROJECTIONS.items() if key in keys}


def _tower(shape: Shape) -> Any:
    if shape.width % shape.heads:
        raise UsageError(
            f"distilbert-text: width={shape.width} must be a multiple of heads={shape.heads}"
        )
    from transformers import DistilBertConfig, DistilBertModel

    config = DistilBertConfig(
        vocab_size=shape.vocabulary,
        max_position_embeddings=shape.context,
        n_layers=shape.depth,
        n_heads=shape.heads,
        dim=shape.width,
        hidden_dim=shape.hidden,
    )
    tower = DistilBertModel(config)
    for module in tower.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = shape.eps
    return tower
