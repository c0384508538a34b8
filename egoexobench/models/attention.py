"""Multi-head cross-attention over tokens (paper, eqs. 2-4 and 10)."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from egoexobench.models.projection import divided, mean, shut
from egoexobench.values import Tokens


@final
class CrossAttention(nn.Module):
    """Query tokens attend to context tokens; the result is the mean over the query's tokens.

    The paper prints ``MultiHead(Q(query), K(context), V(context))`` and says nothing of the step
    from tokens to one vector: the mean over real query tokens is our choice.

    Args:
        width: D of both token sets.
        heads: attention heads, 4 in the paper (5.1.2).
        residual: add the query tokens to what they attended to, as the released association model
            does; without, the equation as printed.

    Raises:
        UsageError: for a width that the heads do not divide.
    """

    def __init__(self, width: int, heads: int, residual: bool) -> None:
        super().__init__()
        divided(width, heads)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.residual = residual

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Tokens ``(B, Tq, D)`` and ``(B, Tc, D)`` to ``(B, D)``.

        A row without query tokens gets the mean of its context.
        """
        attended, _ = self.attention(
            query.values,
            context.values,
            context.values,
            key_padding_mask=shut(context.mask),
            need_weights=False,
        )
        values = attended + query.values if self.residual else attended
        fused = mean(Tokens(values, query.mask))
        return torch.where(query.mask.any(1, keepdim=True), fused, mean(context))
