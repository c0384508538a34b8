"""The space-time transformer under its published parameter names.

Every patch attends over time, to the patches at its place in the other frames, and over space, to
the patches of its frame; the class token is a key of both and itself attends to everything. The
branch over space starts from the time branch's output and is added to the block's input
(Bain et al., Frozen in Time, ICCV 2021; m-bain/frozen-in-time e1f13e1, model/video_transformer.py).
"""

from __future__ import annotations

from typing import Literal, final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from egoexobench.errors import DataError, UsageError
from egoexobench_plugins.timesformer.systems import Activation, Inflate, Shape


@final
class SpaceTime(nn.Module):
    """The tower, without projection.

    Raises:
        UsageError: for sizes that do not divide.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        if shape.image % shape.patch or shape.width % shape.heads:
            raise UsageError(
                f"timesformer: image={shape.image} must be a multiple of patch={shape.patch}, "
                f"and width={shape.width} of heads={shape.heads}"
            )
        width, places = shape.width, (shape.image // shape.patch) ** 2
        self.shape = shape
        self.patch_embed = PatchEmbed(shape)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + places, width))
        self.temporal_embed = nn.Parameter(torch.zeros(1, shape.frames, width))
        self.ln_pre = nn.LayerNorm(width, shape.pre_eps) if shape.ln_pre else nn.Identity()
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(width, shape.eps)
        for table in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(table, std=0.02)

    def forward(self, video: Tensor) -> Tensor:
        """Normalised frames ``(B, T, 3, H, W)`` to ``(B, 1 + T * places, width)``.

        The class token comes first, then the patches frame by frame.

        Raises:
            DataError: for more frames than the temporal table has, unless it stretches.
        """
        batch, frames = video.shape[:2]
        patches = self.patch_embed(video.flatten(0, 1)).unflatten(0, (batch, frames))
        place = self.pos_embed[:, None, 1:] + self._when(frames)[:, :, None]  # (1, T, N, D)
        patches = patches + place  # (B, T, N, D)
        first = (self.cls_token + self.pos_embed[:, :1]).expand(batch, -1, -1)
        tokens = self.ln_pre(torch.cat([first, patches.flatten(1, 2)], 1))
        for block in self.blocks:
            if self.shape.checkpointing and self.training:
                tokens = checkpoint(block, tokens, frames, use_reentrant=False)
            else:
                tokens = block(tokens, frames)
        normed: Tensor = self.norm(tokens)
        return normed

    def _when(self, frames: int) -> Tensor:
        rows = self.temporal_embed.shape[1]
        if frames <= rows:
            return self.temporal_embed[:, :frames]
        if not self.shape.stretch:
            raise DataError(
                f"timesformer: a clip has {frames} frames and the temporal table {rows}; "
                f"give the encoder frames={frames}, or the method frames={rows}"
            )
        return inflated(self.temporal_embed, frames, "bilinear")


@final
class PatchEmbed(nn.Module):
    """Pictures ``(B, 3, H, W)`` to patch tokens ``(B, N, D)``, row by row."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, shape.width, shape.patch, shape.patch, bias=shape.patch_bias)

    def forward(self, pictures: Tensor) -> Tensor:
        """As the class says."""
        patches: Tensor = self.proj(pictures)
        return patches.flatten(2).transpose(1, 2)


@final
class Block(nn.Module):
    """Attention over time, over space, and an MLP."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.norm1 = nn.LayerNorm(width, shape.eps)
        self.norm2 = nn.LayerNorm(width, shape.eps)
        self.norm3 = nn.LayerNorm(width, shape.eps)
        self.attn = Attention(width, shape.heads, "space")
        self.timeattn = Attention(width, shape.heads, "time")
        # time attention gives zeros at first, so that training starts from the image model
        nn.init.zeros_(self.timeattn.qkv.weight)
        nn.init.zeros_(self.timeattn.qkv.bias)
        nn.init.ones_(self.timeattn.proj.weight)
        nn.init.zeros_(self.timeattn.proj.bias)
        self.mlp = MLP(width, int(width * shape.mlp_ratio), shape.activation)
        if shape.gated:
            self.alpha_timeattn = nn.Parameter(torch.zeros(()))
        self.gated = shape.gated

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """Tokens ``(B, 1 + T * N, D)`` to tokens."""
        over_time = self.timeattn(self.norm3(x), frames)
        if self.gated:
            over_time = self.alpha_timeattn.tanh() * over_time
        seen = x + self.attn(self.norm1(x + over_time), frames)
        out: Tensor = seen + self.mlp(self.norm2(seen))
        return out


@final
class Attention(nn.Module):
    """Attention within groups of patches that share a frame or a place."""

    def __init__(self, width: int, heads: int, within: Literal["space", "time"]) -> None:
        super().__init__()
        self.heads = heads
        self.within = within
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """Tokens ``(B, 1 + T * N, D)`` to tokens."""
        packed = self.qkv(x).unflatten(-1, (3, self.heads, -1))
        q, k, v = packed.permute(2, 0, 3, 1, 4)  # each (B, heads, 1 + T * N, d)
        q = q * q.shape[-1] ** -0.5  # before the product, as the reference rounds it
        first = _attend(q[:, :, :1], k, v)
        patches = self._grouped(q, frames)  # (B, heads, groups, n, d)
        keys, values = (self._with_first(one, frames) for one in (k, v))
        # groups stand beside heads: attention of torch is fast where there is one batch axis
        rest = _attend(patches.flatten(1, 2), keys.flatten(1, 2), values.flatten(1, 2))
        rest = rest.view_as(patches)
        if self.within == "time":
            rest = rest.transpose(2, 3)
        joined = torch.cat([first, rest.flatten(2, 3)], 2)
        out: Tensor = self.proj(joined.transpose(1, 2).flatten(2))
        return out

    def _grouped(self, tokens: Tensor, frames: int) -> Tensor:
        patches = tokens[:, :, 1:].view(*tokens.shape[:2], frames, -1, tokens.shape[-1])
        return patches.transpose(2, 3) if self.within == "time" else patches

    def _with_first(self, tokens: Tensor, frames: int) -> Tensor:
        patches = self._grouped(tokens, frames)
        first = tokens[:, :, None, :1].expand(-1, -1, patches.shape[2], -1, -1)
        return torch.cat([first, patches], 3)


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of queries that are scaled already.

    On a CPU torch's fused kernel is no faster for groups this small (2.5 to 3.1 s either way,
    base size on one core), and products in the reference's order give its numbers to the last bit.
    """
    if q.is_cpu:
        return (q @ k.transpose(-2, -1)).softmax(-1) @ v
    return functional.scaled_dot_product_attention(q, k, v, scale=1.0)


@final
class Matrix(nn.Module):
    """The bare matrix ``(width, project)`` by which CLIP's family projects."""

    def __init__(self, width: int, project: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, project) * width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Features to the shared space."""
        return x @ self.weight


@final
class MLP(nn.Module):
    """Two layers."""

    def __init__(self, width: int, hidden: int, activation: Activation) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.quick = activation == "quick_gelu"

    def forward(self, x: Tensor) -> Tensor:
        """Tokens to tokens."""
        hidden = self.fc1(x)
        active = hidden * torch.sigmoid(1.702 * hidden) if self.quick else functional.gelu(hidden)
        out: Tensor = self.fc2(active)
        return out


def inflated(table: Tensor, frames: int, rule: Inflate) -> Tensor:
    """A temporal table ``(1, F, D)`` with another number of rows.

    Fewer rows are the first ones, whatever the rule. `zeros` appends rows of zeros, the others
    interpolate along F; `aligned` keeps the first and the last row where they are.
    """
    stored = table.shape[1]
    if frames <= stored:
        return table[:, :frames]
    if rule == "zeros":
        return functional.pad(table, (0, 0, 0, frames - stored))
    along = table.transpose(1, 2)  # (1, D, F)
    if rule == "nearest":
        grown = functional.interpolate(along, frames, mode="nearest")
    else:
        grown = functional.interpolate(
            along, frames, mode="linear", align_corners=rule == "aligned"
        )
    return grown.transpose(1, 2)
