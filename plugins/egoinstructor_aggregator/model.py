"""open_clip's transformer over features, with the published parameter names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import final

import torch
from torch import Tensor, nn

from egoexobench.errors import UsageError
from egoexobench.toolbox import checkpoint
from egoexobench.toolbox.layers import make_sinusoidal_positions, masked_mean
from egoexobench.types import EmptyQueryRule, TokenCase, Tokens

AGGREGATOR_PREFIXES = ("visual.", "visual_ln_final.", "aggregation_projection")


@final
class FeatureAggregator(nn.Module):
    """Aggregates the features of a clip's seconds; ``eps`` is that of every norm.

    Raises:
        UsageError: if the width is odd or no multiple of the heads.
    """

    empty_query: EmptyQueryRule = "context-as-query"
    idle_weights: Mapping[TokenCase, Sequence[str]] = {
        "one-query-token": (
            "visual.resblocks.*.attn.in_proj_weight:query",
            "visual.resblocks.*.attn.in_proj_weight:key",
        )
    }

    def __init__(self, width: int, depth: int, heads: int, project: int, eps: float = 1e-5) -> None:
        super().__init__()
        if width % heads or width % 2:
            raise UsageError(
                f"egoinstructor-aggregator: width={width} must be even and a multiple of "
                f"heads={heads}"
            )
        from open_clip.transformer import LayerNorm, QuickGELU, Transformer

        norm = partial(LayerNorm, eps=eps)
        self.visual = Transformer(width, depth, heads, act_layer=QuickGELU, norm_layer=norm)
        self.visual_ln_final = norm(width)
        self.aggregation_projection = nn.Parameter(torch.randn(width, project) * width**-0.5)

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Return embeddings ``(B, project)`` of the query's features ``(B, T, width)``."""
        embedding = self._embed(query)
        if bool(query.mask.any(1).all()):
            return embedding
        return torch.where(query.mask.any(1, keepdim=True), embedding, self._embed(context))

    def compute_states(self, features: Tokens) -> Tensor:
        """Return the normalized states ``(B, T, width)`` of features ``(B, T, width)``.

        The sinusoids are computed for the length of the input, as in the reference's evaluation.
        """
        _, count, width = features.values.shape
        inputs = features.values + make_sinusoidal_positions(count, width).to(features.values)
        outputs = self.visual(inputs, attn_mask=self._make_attention_mask(features))
        states: Tensor = self.visual_ln_final(outputs)
        return states

    def load_checkpoint(self, path: Path) -> None:
        """Load the aggregator's weights from the retriever's checkpoint.

        Raises:
            DataError: if the file lacks a weight or has other sizes.
        """
        self.load_pretrained(checkpoint.read_state_dict(path), str(path))

    def load_pretrained(self, state: Mapping[str, Tensor], source: str) -> None:
        """Load published weights; those of the text tower are ignored.

        Raises:
            DataError: if weights are missing, unexpected or of another size.
        """
        own_state = {name: state[key] for key, name in remap_aggregator_keys(state).items()}
        checkpoint.load_state_dict_strict(self, own_state, f"egoinstructor-aggregator ({source})")

    def _embed(self, features: Tokens) -> Tensor:
        averaged = masked_mean(Tokens(self.compute_states(features), features.mask))
        return averaged @ self.aggregation_projection

    def _make_attention_mask(self, features: Tokens) -> Tensor | None:
        """Return a mask ``(B * heads, T, T)`` against padding; None if there is no padding."""
        real = features.mask
        if bool(real.all()):
            return None
        heads = self.visual.resblocks[0].attn.num_heads
        is_padding = (~real & real.any(1, keepdim=True))[:, None]  # (B, 1, T)
        bias = torch.zeros_like(is_padding, dtype=features.values.dtype).masked_fill(
            is_padding, -torch.inf
        )
        return bias.expand(-1, real.shape[1], -1).repeat_interleave(heads, 0)


def remap_aggregator_keys(keys: Iterable[str]) -> dict[str, str]:
    """Map the aggregator's published keys to the keys of our module."""
    return {key: key for key in keys if key.startswith(AGGREGATOR_PREFIXES)}
