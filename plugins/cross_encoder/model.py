"""The network of the cross-encoder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.errors import UsageError
from egoexobench.toolbox.layers import check_divisible
from egoexobench.types import ScorerTraining, Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSize:
    """Features, layers, attention heads and dropout.

    Raises:
        UsageError: for a number that is too small or too large, or heads that do not divide `dim`.
    """

    dim: int
    layers: int
    heads: int
    dropout: float

    def __post_init__(self) -> None:
        if self.layers < 2:
            raise UsageError(
                f"layers={self.layers} of scorer 'cross-encoder' is invalid: in the last layer "
                "only the summary token reads, so tokens are compared from 2 layers on"
            )
        if not 0 <= self.dropout < 1:
            raise UsageError(
                f"dropout={self.dropout} of scorer 'cross-encoder' must be 0 or more and below 1"
            )
        if self.dim < 1:
            raise UsageError(f"dim={self.dim} of scorer 'cross-encoder' must be 1 or more")
        check_divisible(self.dim, self.heads)


@final
class CrossEncoder(nn.Module):
    """Adds what one transformer says of two token sequences to the similarity of the embeddings.

    The last layer starts with zeros, so before training the order is that of the embeddings
    (residual learning over a first stage: CLEAR, arXiv:2004.13969; a branch that starts as zero:
    ReZero, arXiv:2003.04887).

    Args:
        width: D of the tokens.
        size: of the network.
        training_settings: how it is trained.
        scale: of the similarity of the embeddings, at the start of training.
        max_pairs: pairs that are computed at once.
    """

    def __init__(
        self,
        width: int,
        size: NetworkSize,
        training_settings: ScorerTraining,
        *,
        scale: float,
        max_pairs: int,
    ) -> None:
        super().__init__()
        if max_pairs < 1:
            raise UsageError(f"max_pairs={max_pairs} of scorer 'cross-encoder' must be 1 or more")
        if not 0 < scale < math.inf:
            raise UsageError(
                f"scale={scale} of scorer 'cross-encoder' must be more than 0 and finite"
            )
        self.max_pairs = max_pairs
        self.training_settings = training_settings
        self.project = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, size.dim))
        self.types = nn.Parameter(torch.randn(2, size.dim) * size.dim**-0.5)
        self.summary = nn.Parameter(torch.randn(size.dim) * size.dim**-0.5)
        self.blocks = nn.ModuleList(_Block(size) for _ in range(size.layers))
        # a constant that is added to every score changes no order and no loss
        self.norm = nn.LayerNorm(size.dim, elementwise_affine=False)
        self.output = nn.Linear(size.dim, 1, bias=False)
        nn.init.zeros_(self.output.weight)
        self.log_scale = nn.Parameter(torch.tensor(scale).log())

    def score(self, query_tokens: Tokens, candidate_tokens: Tokens, similarity: Tensor) -> Tensor:
        """``(Q, K)``, unbounded; the logits of a softmax over candidates."""
        queries = self.project(query_tokens.values) + self.types[0]
        candidates = self.project(candidate_tokens.values) + self.types[1]
        step = max(1, self.max_pairs // max(1, len(queries)))
        columns = [
            self._score_block(
                Tokens(queries, query_tokens.mask),
                Tokens(
                    candidates[start : start + step], candidate_tokens.mask[start : start + step]
                ),
            )
            for start in range(0, len(candidates), step)
        ]
        return torch.cat(columns, 1) + self.log_scale.exp() * similarity

    def _score_block(self, queries: Tokens, candidates: Tokens) -> Tensor:
        shape = len(queries.values), len(candidates.values)
        values = torch.cat(
            [
                self.summary.to(queries.values).expand(*shape, 1, -1),
                queries.values[:, None].expand(-1, shape[1], -1, -1),
                candidates.values[None].expand(shape[0], -1, -1, -1),
            ],
            2,
        ).flatten(0, 1)  # (Q * K, 1 + Tq + Tk, dim)
        mask = torch.cat(
            [
                queries.mask.new_ones(*shape, 1),
                queries.mask[:, None].expand(-1, shape[1], -1),
                candidates.mask[None].expand(shape[0], -1, -1),
            ],
            2,
        ).flatten(0, 1)
        for block in self.blocks[:-1]:
            values = block(values, values, mask)
        summary = self.blocks[-1](values[:, :1], values, mask)
        scores: Tensor = self.output(self.norm(summary[:, 0]))
        return scores.view(shape)


@final
class _Block(nn.Module):
    """A transformer layer, norms first; some rows attend to all real tokens."""

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        self.heads = size.heads
        self.norm = nn.LayerNorm(size.dim)
        self.to_query = nn.Linear(size.dim, size.dim)
        self.to_context = nn.Linear(size.dim, 2 * size.dim)
        self.join_heads = nn.Linear(size.dim, size.dim)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(size.dim),
            nn.Linear(size.dim, 2 * size.dim),
            nn.GELU(),
            nn.Linear(2 * size.dim, size.dim),
        )
        self.dropout = nn.Dropout(size.dropout)

    def forward(self, rows: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Rows ``(B, R, dim)`` and tokens ``(B, T, dim)`` with mask ``(B, T)`` to new rows."""
        context = self.norm(tokens)
        queries = self._split_heads(self.to_query(self.norm(rows)))
        keys, values = map(self._split_heads, self.to_context(context).chunk(2, -1))
        attended = functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask[:, None, None]
        )
        rows = rows + self.dropout(self.join_heads(attended.transpose(1, 2).flatten(2)))
        result: Tensor = rows + self.dropout(self.feed_forward(rows))
        return result

    def _split_heads(self, values: Tensor) -> Tensor:
        num_rows, count, dim = values.shape
        return values.reshape(num_rows, count, self.heads, dim // self.heads).transpose(1, 2)
