"""Pooling of tokens by a text (X-Pool), for frames alone or for frames and sound (TEFAL)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.errors import UsageError
from egoexobench.toolbox.layers import check_divisible, make_padding_mask, masked_mean
from egoexobench.types import ScorerTraining, Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolingSize:
    """Features, attention heads, dropout, and the epsilon of the norms.

    Raises:
        UsageError: for an invalid number, or heads that do not divide `width`.
    """

    width: int
    heads: int = 1
    dropout: float = 0.3
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout={self.dropout} must be 0 or more and below 1")
        check_divisible(self.width, self.heads)


@final
class TextPoolScorer(nn.Module):
    """The cosine of each text with each video as that text pools it, over a temperature.

    Args:
        size: of each pooling block.
        training_settings: how it is trained.
        temperature: at the start.
        reads_sound: True: a second block pools the sound, and the two vectors are added.
    """

    def __init__(
        self,
        size: PoolingSize,
        training_settings: ScorerTraining,
        *,
        temperature: float,
        reads_sound: bool,
    ) -> None:
        super().__init__()
        if not 0 < temperature < math.inf:
            raise UsageError(f"temperature={temperature} must be more than 0 and finite")
        self.training_settings = training_settings
        self.reads_sound = reads_sound
        self.video = TextPool(size)
        self.audio = TextPool(size) if reads_sound else None
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def score_texts(
        self, text: Tokens, video: Tokens, audio: Tokens | None, similarity: Tensor
    ) -> Tensor:
        """``(Nt, Nv)``; texts are the mean of their tokens. The similarity is not used."""
        del similarity
        vectors = masked_mean(text)
        pooled: Tensor = self.video(vectors, video)
        if self.audio is not None and audio is not None:
            pooled = pooled + self.audio(vectors, audio)
        return self.log_scale.exp() * compute_cosines(vectors, pooled)


@final
class TextPool(nn.Module):
    """Pools the tokens of every video for every text, as X-Pool does.

    One norm of texts and tokens alike, attention from text to tokens, a second norm, a linear map
    that is added to what it reads, and a third norm. Nothing of the text is added: the result is
    made of tokens alone. All matrices start as the identity, so that it starts near the mean. The
    names of the weights are those of layer6ai-labs/xpool bc88718, modules/transformer.py.
    """

    def __init__(self, size: PoolingSize) -> None:
        super().__init__()
        self.cross_attn = _Attention(size.width, size.heads)
        self.linear_proj = _make_identity(size.width)
        self.layer_norm1 = nn.LayerNorm(size.width, eps=size.norm_eps)
        self.layer_norm2 = nn.LayerNorm(size.width, eps=size.norm_eps)
        self.layer_norm3 = nn.LayerNorm(size.width, eps=size.norm_eps)
        self.dropout = nn.Dropout(size.dropout)

    def forward(self, text: Tensor, tokens: Tokens) -> Tensor:
        """Texts ``(Nt, D)`` and tokens ``(Nv, T, D)`` to ``(Nv, Nt, D)``.

        A video without tokens gets zeros.
        """
        normed = Tokens(self.layer_norm1(tokens.values), tokens.mask)
        attended = self.layer_norm2(self.cross_attn(self.layer_norm1(text), normed))
        pooled: Tensor = self.layer_norm3(attended + self.dropout(self.linear_proj(attended)))
        return torch.where(tokens.mask.any(1)[:, None, None], pooled, 0)


@final
class _Attention(nn.Module):
    """Every text attends to the tokens of every video."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj = _make_identity(width), _make_identity(width)
        self.v_proj, self.out_proj = _make_identity(width), _make_identity(width)
        # one number for all tokens changes no softmax, and so gets no gradient
        self.k_proj.bias.requires_grad_(False)

    def forward(self, text: Tensor, tokens: Tokens) -> Tensor:
        """Texts ``(Nt, D)`` and tokens ``(Nv, T, D)`` to ``(Nv, Nt, D)``."""
        queries = self._split_heads(self.q_proj(text)[None])
        keys, values = map(
            self._split_heads, (self.k_proj(tokens.values), self.v_proj(tokens.values))
        )
        attended = functional.scaled_dot_product_attention(
            queries.expand(len(keys), -1, -1, -1),
            keys,
            values,
            attn_mask=~make_padding_mask(tokens.mask)[:, None, None],
        )
        pooled: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return pooled

    def _split_heads(self, values: Tensor) -> Tensor:
        num_rows, count, width = values.shape
        return values.view(num_rows, count, self.heads, width // self.heads).transpose(1, 2)


def compute_cosines(text: Tensor, pooled: Tensor) -> Tensor:
    """Cosines ``(Nt, Nv)`` of texts ``(Nt, D)`` and of videos that are pooled for each of them.

    Args:
        text: one vector a text.
        pooled: ``(Nv, Nt, D)``; the cosine of zeros is 0.
    """
    directions = functional.normalize(pooled, dim=2)
    return torch.einsum("td,vtd->tv", functional.normalize(text, dim=1), directions)


def _make_identity(width: int) -> nn.Linear:
    layer = nn.Linear(width, width)
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
