"""What turns an encoder's tokens into tokens of the shared width."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from egoexobench.toolbox.layers import (
    attention_mask,
    check_divisible,
    sinusoidal_positions,
)
from egoexobench.types import Tokens

if TYPE_CHECKING:
    from egoexobench.method import Method

NUM_HEADS = 4
"""Of the trained blocks."""


@final
class TokenProjector(nn.Module):
    """Standardise, project to the shared width, add place, run trained transformer blocks.

    Args:
        dim: features of an incoming token.
        method: gives the embedding dimension, the number of transformer layers and dropout.

    Raises:
        UsageError: for a width that the blocks' heads do not divide.
    """

    def __init__(self, dim: int, method: Method) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))
        self.project = nn.Linear(dim, method.embed_dim)
        if method.num_layers:
            check_divisible(method.embed_dim, NUM_HEADS)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                method.embed_dim,
                nhead=NUM_HEADS,
                dim_feedforward=2 * method.embed_dim,
                dropout=method.dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(method.num_layers)
        )

    def set_normalization(self, centre: Tensor, spread: Tensor) -> None:
        """Take mean and deviation ``(dim,)`` of the training split; constant features stay 0."""
        self.mean.copy_(centre)
        self.std.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def forward(self, tokens: Tokens) -> Tokens:
        """Tokens ``(B, T, dim)`` to tokens ``(B, T, width)`` with the same mask."""
        values = self.project((tokens.values - self.mean) / self.std)
        values = values + sinusoidal_positions(values.shape[1], values.shape[2]).to(values)
        mask = attention_mask(Tokens(values, tokens.mask), values.shape[1], NUM_HEADS)
        for block in self.blocks:
            values = block(values, src_mask=mask)
        return Tokens(values, tokens.mask)
