"""The heads between the last stage and the classifier."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench_plugins.internimage.layout import build_norm, to_channels_first

WIDTH, HEADS, OUT = 1024, 16, 768
"""Fixed by the reference, whatever the size of the network."""


def build_conv_head(width: int, out: int) -> nn.Sequential:
    """Return the head of `t` to `xl`: a 1 x 1 convolution, batch norm and GELU."""
    return nn.Sequential(
        nn.Conv2d(width, out, 1, bias=False), nn.Sequential(nn.BatchNorm2d(out)), nn.GELU()
    )


@final
class ClipHead(nn.Module):
    """The head of `h` and `g`: attention pooling over the maps of the last two stages."""

    dim = OUT

    def __init__(self, features: int) -> None:
        super().__init__()
        # the last stage, enlarged to twice its height and width
        self.dcnv3_head_x4 = nn.Sequential(nn.Conv2d(features, 4 * WIDTH, 1), nn.PixelShuffle(2))
        self.dcnv3_head_x3 = nn.Conv2d(features // 2, WIDTH, 1)
        self.clip_projector = AttentionPool()
        self.fc_norm = build_norm(OUT)

    def forward(self, third: Tensor, fourth: Tensor) -> Tensor:
        """Return the feature ``(B, 768)`` of the maps of stages 3 and 4."""
        joined = self.dcnv3_head_x4(to_channels_first(fourth))
        joined = joined + self.dcnv3_head_x3(to_channels_first(third))
        pooled: Tensor = self.fc_norm(self.clip_projector(joined.flatten(2).transpose(1, 2)))
        return pooled


@final
class AttentionPool(nn.Module):
    """Attention pooling: the mean of the tokens is the query over all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1_q, self.norm1_k, self.norm1_v = (build_norm(WIDTH) for _ in range(3))
        self.cross_dcn = PoolAttention()

    def forward(self, x: Tensor) -> Tensor:
        """Return the pooled feature ``(B, 768)`` of tokens ``(B, N, 1024)``."""
        query = self.norm1_q(x.mean(1, keepdim=True))
        pooled: Tensor = self.cross_dcn(query, self.norm1_k(x), self.norm1_v(x))
        return pooled[:, 0]


@final
class PoolAttention(nn.Module):
    """Multi-head attention with the published keys: biases are outside their linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(3))
        self.q_bias, self.k_bias, self.v_bias = (nn.Parameter(torch.zeros(WIDTH)) for _ in range(3))
        self.proj = nn.Linear(WIDTH, OUT)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return ``(B, Tq, 768)`` for queries ``(B, Tq, 1024)``, keys and values."""
        query = _split_heads(functional.linear(q, self.q.weight, self.q_bias))
        key = _split_heads(functional.linear(k, self.k.weight, self.k_bias))
        value = _split_heads(functional.linear(v, self.v.weight, self.v_bias))
        attended = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(attended.transpose(1, 2).flatten(2))
        return out


def _split_heads(x: Tensor) -> Tensor:
    return x.view(*x.shape[:2], HEADS, -1).transpose(1, 2)  # (B, heads, T, d)
