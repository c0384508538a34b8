"""What turns an encoder's tokens into tokens of the shared width."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from egoexobench.errors import UsageError
from egoexobench.values import Tokens

if TYPE_CHECKING:
    from egoexobench.method import Method

HEADS = 4
"""Of the trained blocks."""


@final
class Trunk(nn.Module):
    """Standardise, project to the shared width, add place, run trained transformer blocks.

    Args:
        dim: features of an incoming token.
        method: gives width and dropout.
        blocks: trained transformer blocks; with none the tokens are projected.

    Raises:
        UsageError: for a width that the blocks' heads do not divide.
    """

    def __init__(self, dim: int, method: Method, blocks: int) -> None:
        super().__init__()
        self.centre: Tensor
        self.spread: Tensor
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("spread", torch.ones(dim))
        self.project = nn.Linear(dim, method.width)
        if blocks:
            divided(method.width, HEADS)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                method.width,
                nhead=HEADS,
                dim_feedforward=2 * method.width,
                dropout=method.dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(blocks)
        )

    def standardise(self, centre: Tensor, spread: Tensor) -> None:
        """Take mean and deviation ``(dim,)`` of the training split; constant features stay 0."""
        self.centre.copy_(centre)
        self.spread.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def forward(self, tokens: Tokens) -> Tokens:
        """Tokens ``(B, T, dim)`` to tokens ``(B, T, width)`` with the same mask."""
        values = self.project((tokens.values - self.centre) / self.spread)
        values = values + places(values.shape[1], values.shape[2]).to(values)
        padding = shut(tokens.mask)
        for block in self.blocks:
            values = block(values, src_key_padding_mask=padding)
        return Tokens(values, tokens.mask)


def divided(width: int, heads: int) -> None:
    """Hold that attention heads divide a width.

    Raises:
        UsageError: saying both.
    """
    if heads < 1 or width % heads:
        raise UsageError(f"width={width} must be a multiple of the {heads} attention heads")


def mean(tokens: Tokens) -> Tensor:
    """Mean of the real tokens ``(B, D)``; zeros for a row without any."""
    weight = tokens.mask.to(tokens.values).unsqueeze(-1)
    return (tokens.values * weight).sum(1) / weight.sum(1).clamp(min=1)


def shut(mask: Tensor) -> Tensor:
    """True where attention must not look; a row without any token looks at its padding.

    Such a row would be all NaN otherwise. Its output is never used: whoever calls this replaces
    it by what is there.
    """
    return ~mask & mask.any(1, keepdim=True)


@lru_cache(maxsize=64)
def places(count: int, width: int) -> Tensor:
    """Sinusoids ``(count, width)`` that say where a token stands (Vaswani et al. 2017, 3.5)."""
    steps = torch.arange(count).unsqueeze(1)
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = steps * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]
