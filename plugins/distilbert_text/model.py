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

TOWER_PREFIXES = ("text_model.", "textual.")
"""Of Frozen-in-Time and EgoVLP; of LaViLa, and of EgoVLP as converted by LaViLa."""
PROJECTIONS = {
    "txt_proj.1.weight": "projection.weight",
    "txt_proj.1.bias": "projection.bias",
    "text_projection.1.weight": "projection.weight",  # EgoVLP as converted by LaViLa
    "text_projection.1.bias": "projection.bias",
    "text_projection": "projection.weight",  # (width, project), transposed
}
POSITION_IDS = "embeddings.position_ids"
"""A buffer of old versions of transformers: 0, 1, 2, ..."""


@dataclass(frozen=True, slots=True)
class DistilBertTextConfig:
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
class DistilBertTextEncoder(nn.Module):
    """Encodes text with DistilBERT; the options are those of the factory."""

    modality: Modality = "text"
    train = train_unless_frozen

    def __init__(
        self,
        config: DistilBertTextConfig,
        tokenizer: BertWordPieceTokenizer | None,
        *,
        head: Literal["relu", "plain"],
        output: Literal["cls", "all"],
        trained: bool,
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.relu = head == "relu"
        self.output = output
        self.frozen = not trained
        self.dim = config.project or config.width
        self.tower = _build_tower(config)
        self.projection = (
            nn.Linear(config.width, config.project, bias=self.relu) if config.project else None
        )
        set_trainable(self, trained)  # with the published dropout, if it is trained

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.int64]:
        """Return the token ids ``(T,)`` of the text."""
        assert isinstance(source, str)  # noqa: S101 - the harness passes this modality
        assert self.tokenizer is not None  # noqa: S101 - only tests omit it
        return np.array(self.tokenizer.encode(source).ids, np.int64)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens ``(B, 1, dim)`` of token ids ``(B, T)``, or ``(B, T, dim)`` for `all`."""
        states = self.compute_states(values.masked_fill(~mask, 0), mask)
        if self.output == "all":
            return Tokens(self.project(states), mask)
        return Tokens(self.project(states[:, :1]), mask[:, :1])

    def compute_states(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return the tower's last states ``(B, T, width)`` of token ids ``(B, T)``."""
        states: Tensor = self.tower(tokens, attention_mask=mask.long()).last_hidden_state
        return states

    def project(self, states: Tensor) -> Tensor:
        """Project states to the shared space."""
        if self.projection is None:
            return states
        projected: Tensor = self.projection(states.relu() if self.relu else states)
        return projected

    def load_checkpoint(self, path: Path) -> None:
        """Load the text tower's weights from a published checkpoint.

        Raises:
            DataError: if the file lacks a weight or has other sizes.
        """
        self.load_pretrained(checkpoint.read_state_dict(path), str(path))

    def load_pretrained(self, state: Mapping[str, Tensor], source: str) -> None:
        """Load published weights; weights of other parts are ignored.

        Raises:
            DataError: if weights are missing, unexpected or of another size.
        """
        own_state = {name: state[key] for key, name in remap_distilbert_keys(state).items()}
        if self.projection is None:
            own_state = {
                name: weight for name, weight in own_state.items() if name.startswith("tower.")
            }
        if "text_projection" in state and "projection.weight" in own_state:
            own_state["projection.weight"] = own_state["projection.weight"].T
        ignored = (f"tower.{POSITION_IDS}",)
        checkpoint.load_state_dict_strict(
            self, own_state, f"distilbert-text ({source})", ignored_keys=ignored
        )


def remap_distilbert_keys(keys: Iterable[str]) -> dict[str, str]:
    """Map the published keys of text tower and projection to the keys of our module.

    The keys of a plain DistilBERT have no prefix.
    """
    keys = frozenset(keys)
    prefix = next((p for p in TOWER_PREFIXES if any(key.startswith(p) for key in keys)), None)
    if prefix is None:
        plain = ("embeddings.", "transformer.layer.")
        return {key: f"tower.{key}" for key in keys if key.startswith(plain)}
    tower = {key: f"tower.{key.removeprefix(prefix)}" for key in keys if key.startswith(prefix)}
    return tower | {key: name for key, name in PROJECTIONS.items() if key in keys}


def _build_tower(config: DistilBertTextConfig) -> Any:
    if config.width % config.heads:
        raise UsageError(
            f"distilbert-text: width={config.width} must be a multiple of heads={config.heads}"
        )
    from transformers import DistilBertConfig, DistilBertModel

    library_config = DistilBertConfig(
        vocab_size=config.vocabulary,
        max_position_embeddings=config.context,
        n_layers=config.depth,
        n_heads=config.heads,
        dim=config.width,
        hidden_dim=config.hidden,
    )
    tower = DistilBertModel(library_config)
    for module in tower.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = config.eps
    return tower
