"""open_clip's transformer over features, under the published parameter names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import final

import torch
from torch import Tensor, nn

from egoexobench.errors import UsageError
from egoexobench.toolbox import checkpoint
from egoexobench.toolbox.layers import masked_mean, sinusoidal_positions
from egoexobench.types import Tokens

OWN = ("visual.", "visual_ln_final.", "aggregation_projection")


@final
class Aggregator(nn.Module):
    """Options as in the factory; ``eps`` is that of every norm.

    Raises:
        UsageError: for a width that the heads do not divide.
    """

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
        """Features of the query ``(B, T, width)``, in order, to embeddings ``(B, project)``."""
        embedding = self._embed(query)
        if bool(query.mask.any(1).all()):
            return embedding
        return torch.where(query.mask.any(1, keepdim=True), embedding, self._embed(context))

    def states(self, features: Tokens) -> Tensor:
        """Features ``(B, T, width)`` to normalised states ``(B, T, width)``.

        The sinusoids are recomputed for whatever length there is, as the reference does where
        it evaluates.
        """
        _, count, width = features.values.shape
        inside = features.values + sinusoidal_positions(count, width).to(features.values)
        states: Tensor = self.visual_ln_final(self.visual(inside, attn_mask=self._shut(features)))
        return states

    def load(self, path: Path) -> None:
        """Take the aggregator's weights out of the retriever's checkpoint.

        Raises:
            DataError: for a file that lacks one of them, or whose sizes are others.
        """
        self.fit(checkpoint.read_state_dict(path), str(path))

    def fit(self, state: Mapping[str, Tensor], source: str) -> None:
        """Put published weights in place; the text tower's are left alone.

        Raises:
            DataError: naming what is missing, unexpected or of another size.
        """
        mine = {name: state[key] for key, name in names(state).items()}
        checkpoint.load_state_dict_strict(self, mine, f"egoinstructor-aggregator ({source})")

    def _embed(self, features: Tokens) -> Tensor:
        averaged = masked_mean(Tokens(self.states(features), features.mask))
        return averaged @ self.aggregation_projection

    def _shut(self, features: Tokens) -> Tensor | None:
        """Padding is no key: ``(B * heads, T, T)``, or None where there is none."""
        real = features.mask
        if bool(real.all()):
            return None
        heads = self.visual.resblocks[0].attn.num_heads
        closed = (~real & real.any(1, keepdim=True))[:, None]  # (B, 1, T)
        shut = torch.zeros_like(closed, dtype=features.values.dtype).masked_fill(closed, -torch.inf)
        return shut.expand(-1, real.shape[1], -1).repeat_interleave(heads, 0)


def names(keys: Iterable[str]) -> dict[str, str]:
    """Published names of the aggregator, each with the name that it has here."""
    return {key: key for key in keys if key.startswith(OWN)}
