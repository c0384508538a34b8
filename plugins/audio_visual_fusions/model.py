"""A vector of sound joins a vector of video, in four ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.toolbox.layers import check_divisible, make_attention_mask, masked_mean
from egoexobench.types import EmptyQueryRule, TokenCase, Tokens


@final
class ConcatFusion(nn.Module):
    """``W [v; a] + b``."""

    empty_query: EmptyQueryRule = "zero-query"

    def __init__(self, width: int, normalize: bool) -> None:
        super().__init__()
        self.normalize = normalize
        self.project = nn.Linear(2 * width, width)

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Return embeddings ``(B, D)``."""
        joined: Tensor = self.project(torch.cat(_pool(query, context, self.normalize), 1))
        return joined


@final
class SumFusion(nn.Module):
    """``v + a``, or ``w v + (1 - w) a`` with a fixed or a trained w."""

    empty_query: EmptyQueryRule = "context-mean"

    def __init__(self, weight: float | None, *, learn: bool, normalize: bool) -> None:
        super().__init__()
        self.normalize = normalize
        self.is_plain = weight is None and not learn
        value = torch.tensor(0.5 if weight is None else weight)
        self.weight = nn.Parameter(value, requires_grad=learn)

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Return embeddings ``(B, D)``."""
        video, sound = _pool(query, context, self.normalize)
        if self.is_plain:
            return video + sound  # the sound of a clip without any is zeros
        return _keep_silent(self.weight * video + (1 - self.weight) * sound, video, query)


@final
class GatedFusion(nn.Module):
    """``g v + (1 - g) a`` with ``g = sigmoid(W [v; a] + b)``."""

    empty_query: EmptyQueryRule = "context-mean"

    def __init__(self, width: int, normalize: bool) -> None:
        super().__init__()
        self.normalize = normalize
        self.gate = nn.Linear(2 * width, width)

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Return embeddings ``(B, D)``."""
        video, sound = _pool(query, context, self.normalize)
        share = self.gate(torch.cat([video, sound], 1)).sigmoid()
        return _keep_silent(share * video + (1 - share) * sound, video, query)


@final
class GatedResidualFusion(nn.Module):
    """``v + tanh(alpha) MHA(v, a, a)`` over the tokens of the sound; alpha starts at 0."""

    empty_query: EmptyQueryRule = "context-mean"
    idle_weights: Mapping[TokenCase, Sequence[str]] = {
        "one-query-token": ("attention.in_proj_weight:query", "attention.in_proj_weight:key")
    }

    def __init__(self, width: int, heads: int, normalize: bool) -> None:
        super().__init__()
        check_divisible(width, heads)
        self.normalize = normalize
        self.attention = nn.MultiheadAttention(width, heads, bias=False, batch_first=True)
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Return embeddings ``(B, D)``."""
        video = _scale(masked_mean(context), self.normalize)
        attended, _ = self.attention(
            video[:, None],
            query.values,
            query.values,
            attn_mask=make_attention_mask(query, 1, self.attention.num_heads),
            need_weights=False,
        )
        answer = _scale(attended[:, 0], self.normalize)
        return _keep_silent(video + self.alpha.tanh() * answer, video, query)


def _pool(query: Tokens, context: Tokens, normalize: bool) -> tuple[Tensor, Tensor]:
    """Return the means ``(B, D)`` of video and of sound; zeros for a clip without sound."""
    video, sound = (_scale(masked_mean(tokens), normalize) for tokens in (context, query))
    return video, sound


def _scale(vectors: Tensor, normalize: bool) -> Tensor:
    return functional.normalize(vectors, dim=-1) if normalize else vectors


def _keep_silent(fused: Tensor, video: Tensor, query: Tokens) -> Tensor:
    """Return the video alone for a clip without sound."""
    return torch.where(query.mask.any(1, keepdim=True), fused, video)
