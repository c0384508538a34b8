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

from egoexobench_plugins.beats.config import Config

GATES = 8
"""Gate values per head: two gates, each the sum of four."""


def buckets(length: int, count: int, farthest: int) -> Tensor:
    """The bucket ``(length, length)`` of each query's (row's) distance to each key.

    Half of the buckets are for keys before the query or at it, half for keys after it. In each
    half, the first half of the buckets hold one distance each, the rest grow logarithmically up
    to ``farthest``; every distance beyond shares the last.
    """
    places = torch.arange(length)
    ahead = places[None, :] - places[:, None]
    half = count // 2
    exact = half // 2
    distance = ahead.abs()
    grown = (distance.clamp(min=1).float() / exact).log() / math.log(farthest / exact)
    far = (exact + (grown * (half - exact)).long()).clamp(max=half - 1)
    return (ahead > 0).long() * half + torch.where(distance < exact, distance, far)


@final
class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, config: Config, table: nn.Embedding | None) -> None:
        super().__init__()
        width = config.encoder_embed_dim
        self.heads = config.encoder_attention_heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        if table is not None:  # one table, named again in every layer of a published state
            self.relative_attention_bias = table
        self.gated = config.gru_rel_pos
        if self.gated:
            self.grep_linear = nn.Linear(width // self.heads, GATES)
            self.grep_a = nn.Parameter(torch.ones(1, self.heads, 1, 1))

    def forward(self, x: Tensor, bias: Tensor | None, shut: Tensor | None) -> Tensor:
        """Attend.

        Args:
            x: tokens ``(B, L, D)``.
            bias: of positions, ``(heads, L, L)``.
            shut: ``(B, 1, 1, L)``, minus infinity at keys that are padding.
        """
        q, k, v = (self._split(layer(x)) for layer in (self.q_proj, self.k_proj, self.v_proj))
        scores = None if bias is None else self._gate(q) * bias
        if shut is not None:
            scores = shut if scores is None else scores + shut
        seen = functional.scaled_dot_product_attention(q, k, v, scores)
        out: Tensor = self.out_proj(seen.transpose(1, 2).flatten(2))
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)  # (B, heads, L, d)

    def _gate(self, q: Tensor) -> Tensor:
        if not self.gated:
            return q.new_ones(1)
        raw: Tensor = self.grep_linear(q)
        sums = raw.view(*q.shape[:-1], 2, GATES // 2).sum(-1)
        first, second = sums.sigmoid().chunk(2, dim=-1)  # each (B, heads, L, 1)
        return first * (second * self.grep_a - 1) + 2
