"""Self-attention whose position bias is bucketed by distance and gated by the query.

T5's buckets (Raffel et al., JMLR 2020) with the gate of WavLM (Chen et al., 2022), which here reads
the projected query; microsoft/unilm 768a3c8, beats/backbone.py.
"""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench_plugins.beats.config import BEATsConfig

NUM_GATE_VALUES = 8
"""Gate values of a head: two gates, each the sum of four values."""


def bucket_distances(length: int, num_buckets: int, max_distance: int) -> Tensor:
    """Return the bucket ``(length, length)`` of each query's (row's) distance to each key.

    Half of the buckets are for keys at or before the query, half for keys after it. In each
    half, the first half of the buckets hold one distance each; the others grow logarithmically
    up to ``max_distance``. All larger distances share the last bucket.
    """
    positions = torch.arange(length)
    offset = positions[None, :] - positions[:, None]
    half = num_buckets // 2
    num_exact = half // 2
    distance, growth = offset.abs(), math.log(max_distance / num_exact)
    log_scale = (distance.clamp(min=1).float() / num_exact).log() / growth
    log_bucket = (num_exact + (log_scale * (half - num_exact)).long()).clamp(max=half - 1)
    return (offset > 0).long() * half + torch.where(distance < num_exact, distance, log_bucket)


@final
class GatedAttention(nn.Module):
    """Multi-head self-attention with a gated position bias."""

    def __init__(self, config: BEATsConfig, table: nn.Embedding | None) -> None:
        super().__init__()
        width = config.encoder_embed_dim
        self.heads = config.encoder_attention_heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        if table is not None:  # shared; a published state repeats it in every layer
            self.relative_attention_bias = table
        self.gated = config.gru_rel_pos
        if self.gated:
            self.grep_linear = nn.Linear(width // self.heads, NUM_GATE_VALUES)
            self.grep_a = nn.Parameter(torch.ones(1, self.heads, 1, 1))

    def forward(
        self, x: Tensor, position_bias: Tensor | None, padding_bias: Tensor | None
    ) -> Tensor:
        """Return the attended tokens ``(B, L, D)``.

        Args:
            x: tokens ``(B, L, D)``.
            position_bias: ``(heads, L, L)``.
            padding_bias: ``(B, 1, 1, L)``, a very low number at keys that are padding.
        """
        q, k, v = (self._split_heads(layer(x)) for layer in (self.q_proj, self.k_proj, self.v_proj))
        scores = None if position_bias is None else self._compute_gate(q) * position_bias
        if padding_bias is not None:
            scores = padding_bias if scores is None else scores + padding_bias
        attended = functional.scaled_dot_product_attention(q, k, v, scores)
        out: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return out

    def _split_heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)  # (B, heads, L, d)

    def _compute_gate(self, q: Tensor) -> Tensor:
        if not self.gated:
            return q.new_ones(1)
        raw: Tensor = self.grep_linear(q)
        sums = raw.view(*q.shape[:-1], 2, NUM_GATE_VALUES // 2).sum(-1)
        first, second = sums.sigmoid().chunk(2, dim=-1)  # each (B, heads, L, 1)
        return first * (second * self.grep_a - 1) + 2
