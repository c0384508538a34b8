"""Layers that methods share: cross-attention, masked means, positions, and freezing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeVar, final

import torch
from torch import Tensor, nn

from egoexobench.errors import UsageError
from egoexobench.types import EmptyQueryRule, TokenCase, Tokens

EncoderModule = TypeVar("EncoderModule", bound=nn.Module)


@final
class CrossAttention(nn.Module):
    """Multi-head cross-attention over tokens (paper, eqs. 2-4 and 10), averaged over the query.

    The paper prints ``MultiHead(Q(query), K(context), V(context))`` and does not say how tokens
    become one vector: the mean over real query tokens is our choice.

    Args:
        width: D of both token sets.
        heads: attention heads, 4 in the paper (5.1.2).
        residual: add the query tokens to the attention output, as the released association model
            does; without, the equation as printed.

    Raises:
        UsageError: for a width that the heads do not divide.
    """

    empty_query: EmptyQueryRule = "context-mean"
    idle_weights: Mapping[TokenCase, Sequence[str]] = {
        "one-context-token": ("attention.in_proj_weight:query", "attention.in_proj_weight:key")
    }

    def __init__(self, width: int, heads: int, residual: bool) -> None:
        super().__init__()
        check_divisible(width, heads)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.residual = residual

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Tokens ``(B, Tq, D)`` and ``(B, Tc, D)`` to ``(B, D)``.

        A row without query tokens gets the mean of its context.
        """
        # without sound a clip attends to itself; there torch's kernel rounds by the kind of mask
        is_self = query.values is context.values
        num_queries, num_heads = query.values.shape[1], self.attention.num_heads
        attended, _ = self.attention(
            query.values,
            context.values,
            context.values,
            key_padding_mask=make_padding_mask(context.mask) if is_self else None,
            attn_mask=None if is_self else make_attention_mask(context, num_queries, num_heads),
            need_weights=False,
        )
        values = attended + query.values if self.residual else attended
        fused = masked_mean(Tokens(values, query.mask))
        return torch.where(query.mask.any(1, keepdim=True), fused, masked_mean(context))


def check_divisible(width: int, heads: int) -> None:
    """Check that the number of attention heads divides a width.

    Raises:
        UsageError: with both numbers, if it does not.
    """
    if heads < 1 or width % heads:
        raise UsageError(f"width={width} must be a multiple of the {heads} attention heads")


def masked_mean(tokens: Tokens) -> Tensor:
    """Return the mean of the real tokens ``(B, D)``; zeros for a row without any."""
    weight = tokens.mask.to(tokens.values).unsqueeze(-1)
    return (tokens.values * weight).sum(1) / weight.sum(1).clamp(min=1)


def make_padding_mask(mask: Tensor) -> Tensor:
    """Return torch's mask ``(B, T)``: True where attention must not look.

    A row without any token attends to its padding, because its result would be NaN otherwise. The
    caller must replace the result of such a row.
    """
    return ~mask & mask.any(1, keepdim=True)


def make_attention_mask(context: Tokens, num_queries: int, num_heads: int) -> Tensor:
    """Return `make_padding_mask` as a mask ``(B * num_heads, num_queries, T)`` to add to scores.

    Use it as ``attn_mask`` or ``src_mask``. Torch checks a ``key_padding_mask`` with code that
    imports sympy, which takes half a second; the numbers are the same.
    """
    padding = make_padding_mask(context.mask)
    scores = context.values.new_zeros(padding.shape).masked_fill(padding, -math.inf)
    return scores.repeat_interleave(num_heads, 0)[:, None].expand(-1, num_queries, -1)


@lru_cache(maxsize=64)
def make_sinusoidal_positions(count: int, width: int) -> Tensor:
    """Return the position embeddings ``(count, width)`` of Vaswani et al. 2017, 3.5."""
    steps = torch.arange(count).unsqueeze(1)
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = steps * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]


def set_trainable(module: nn.Module, trained: bool) -> None:
    """Let a module train, or freeze it: in evaluation mode and without gradients."""
    module.requires_grad_(trained)
    module.train(trained)


def train_unless_frozen(encoder: EncoderModule, mode: bool = True) -> EncoderModule:
    """Set training mode like ``nn.Module.train``; an encoder that is frozen stays in eval mode.

    Write ``train = train_unless_frozen`` in the class of an encoder. Its batch norm then never
    uses statistics of a batch while it is frozen.
    """
    nn.Module.train(encoder, mode and not encoder.frozen)
    return encoder
