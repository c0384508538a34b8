"""Projects the tokens of an encoder to the shared width of a method."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from egoexobench.toolbox.layers import (
    check_divisible,
    make_attention_mask,
    make_sinusoidal_positions,
)
from egoexobench.types import Tokens

if TYPE_CHECKING:
    from egoexobench.method import Method

NUM_HEADS = 4
"""Attention heads of the trained transformer layers."""


@final
class TokenProjector(nn.Module):
    """Standardize tokens, project them, add their positions and run transformer layers.

    Args:
        dim: features of an incoming token.
        method: gives the embedding dimension, the number of transformer layers, dropout, and
            whether positions are added.

    Raises:
        UsageError: if the number of heads does not divide the embedding dimension.
    """

    def __init__(self, dim: int, method: Method) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))
        self.project = nn.Linear(dim, method.embed_dim)
        self.has_positions = method.token_positions
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

    def set_normalization(self, mean: Tensor, std: Tensor) -> None:
        """Set mean and standard deviation ``(dim,)``; a constant feature becomes 0."""
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 1e-6, std, torch.ones_like(std)))

    def forward(self, tokens: Tokens) -> Tokens:
        """Tokens ``(B, T, dim)`` to tokens ``(B, T, embed_dim)`` with the same mask."""
        values = self.project((tokens.values - self.mean) / self.std)
        if self.has_positions:
            values = values + make_sinusoidal_positions(*values.shape[1:]).to(values)
        mask = make_attention_mask(Tokens(values, tokens.mask), values.shape[1], NUM_HEADS)
        for block in self.blocks:
            values = block(values, src_mask=mask)
        return Tokens(values, tokens.mask)
