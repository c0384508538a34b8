"""The space-time transformer under its published parameter names.

Every patch attends over time, to the patches at the same position of the other frames, and over
space, to the patches of its frame. The class token is a key of both and attends to everything.
Attention over space reads the output of attention over time; its own output is added to the input
of the block (Bain et al., Frozen in Time, ICCV 2021; m-bain/frozen-in-time e1f13e1,
model/video_transformer.py).
"""

from __future__ import annotations

from typing import Literal, final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from egoexobench.errors import DataError, UsageError
from egoexobench_plugins.timesformer.systems import Activation, InflationRule, TimeSformerConfig


@final
class SpaceTimeTransformer(nn.Module):
    """The video tower, without projection.

    Raises:
        UsageError: if the sizes do not divide.
    """

    def __init__(self, config: TimeSformerConfig) -> None:
        super().__init__()
        if config.image % config.patch or config.width % config.heads:
            raise UsageError(
                f"timesformer: image={config.image} must be a multiple of patch={config.patch}, "
                f"and width={config.width} of heads={config.heads}"
            )
        width, num_patches = config.width, (config.image // config.patch) ** 2
        self.config = config
        self.patch_embed = PatchEmbed(config)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + num_patches, width))
        self.temporal_embed = nn.Parameter(torch.zeros(1, config.frames, width))
        self.ln_pre = nn.LayerNorm(width, config.pre_eps) if config.ln_pre else nn.Identity()
        self.blocks = nn.ModuleList(SpaceTimeBlock(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width, config.eps)
        for table in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(table, std=0.02)

    def forward(self, video: Tensor) -> Tensor:
        """Return tokens ``(B, 1 + T * N, width)`` of normalized frames ``(B, T, 3, H, W)``.

        The class token is the first, then the N patches of each frame follow.

        Raises:
            DataError: if there are more frames than rows in a temporal table that cannot stretch.
        """
        batch, frames = video.shape[:2]
        patches = self.patch_embed(video.flatten(0, 1)).unflatten(0, (batch, frames))
        times = self._get_temporal_embed(frames)[:, :, None]
        patches = patches + (self.pos_embed[:, None, 1:] + times)  # (B, T, N, D)
        class_token = (self.cls_token + self.pos_embed[:, :1]).expand(batch, -1, -1)
        tokens = self.ln_pre(torch.cat([class_token, patches.flatten(1, 2)], 1))
        for block in self.blocks:
            if self.config.checkpointing and self.training:
                tokens = checkpoint(block, tokens, frames, use_reentrant=False)
            else:
                tokens = block(tokens, frames)
        normed: Tensor = self.norm(tokens)
        return normed

    def _get_temporal_embed(self, frames: int) -> Tensor:
        num_rows = self.temporal_embed.shape[1]
        if frames <= num_rows:
            return self.temporal_embed[:, :frames]
        if not self.config.stretch:
            raise DataError(
                f"timesformer: a clip has {frames} frames and the temporal table {num_rows} rows; "
                f"set frames={frames} for the encoder, or frames={num_rows} for the method"
            )
        return inflate_temporal_embed(self.temporal_embed, frames, "bilinear")


@final
class PatchEmbed(nn.Module):
    """Cuts images into patches, row by row."""

    def __init__(self, config: TimeSformerConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, config.width, config.patch, config.patch, bias=config.patch_bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return patch tokens ``(B, N, D)`` of images ``(B, 3, H, W)``."""
        patches: Tensor = self.proj(images)
        return patches.flatten(2).transpose(1, 2)


@final
class SpaceTimeBlock(nn.Module):
    """Attention over time, over space, and an MLP."""

    def __init__(self, config: TimeSformerConfig) -> None:
        super().__init__()
        width = config.width
        self.norm1 = nn.LayerNorm(width, config.eps)
        self.norm2 = nn.LayerNorm(width, config.eps)
        self.norm3 = nn.LayerNorm(width, config.eps)
        self.attn = DividedAttention(width, config.heads, "space")
        self.timeattn = DividedAttention(width, config.heads, "time")
        # attention over time starts with zeros, so that training starts from the image model
        nn.init.zeros_(self.timeattn.qkv.weight)
        nn.init.zeros_(self.timeattn.qkv.bias)
        nn.init.ones_(self.timeattn.proj.weight)
        nn.init.zeros_(self.timeattn.proj.bias)
        self.mlp = FeedForward(width, int(width * config.mlp_ratio), config.activation)
        if config.gated:
            self.alpha_timeattn = nn.Parameter(torch.zeros(()))
        self.gated = config.gated

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """Return tokens ``(B, 1 + T * N, D)`` for tokens of the same shape."""
        time_output = self.timeattn(self.norm3(x), frames)
        if self.gated:
            time_output = self.alpha_timeattn.tanh() * time_output
        attended = x + self.attn(self.norm1(x + time_output), frames)
        out: Tensor = attended + self.mlp(self.norm2(attended))
        return out


@final
class DividedAttention(nn.Module):
    """Attention within groups of patches that share a frame or a position."""

    def __init__(self, width: int, heads: int, axis: Literal["space", "time"]) -> None:
        super().__init__()
        self.heads = heads
        self.axis = axis
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """Return tokens ``(B, 1 + T * N, D)`` for tokens of the same shape."""
        packed = self.qkv(x).unflatten(-1, (3, self.heads, -1))
        q, k, v = packed.permute(2, 0, 3, 1, 4)  # each (B, heads, 1 + T * N, d)
        q = q * q.shape[-1] ** -0.5  # before the product, as the reference rounds it
        class_output = _compute_attention(q[:, :, :1], k, v)
        patches = self._group_patches(q, frames)  # (B, heads, groups, n, d)
        keys, values = (self._prepend_class_token(tensor, frames) for tensor in (k, v))
        # heads and groups share an axis, because torch's attention is fast with one batch axis
        grouped = (part.flatten(1, 2) for part in (patches, keys, values))
        patch_output = _compute_attention(*grouped).view_as(patches)
        if self.axis == "time":
            patch_output = patch_output.transpose(2, 3)
        joined = torch.cat([class_output, patch_output.flatten(2, 3)], 2)
        out: Tensor = self.proj(joined.transpose(1, 2).flatten(2))
        return out

    def _group_patches(self, tokens: Tensor, frames: int) -> Tensor:
        patches = tokens[:, :, 1:].view(*tokens.shape[:2], frames, -1, tokens.shape[-1])
        return patches.transpose(2, 3) if self.axis == "time" else patches

    def _prepend_class_token(self, tokens: Tensor, frames: int) -> Tensor:
        patches = self._group_patches(tokens, frames)
        class_token = tokens[:, :, None, :1].expand(-1, -1, patches.shape[2], -1, -1)
        return torch.cat([class_token, patches], 3)


def _compute_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return the attention of queries that are already scaled.

    On a CPU torch's fused kernel is no faster for groups this small (2.5 to 3.1 s either way,
    base size on one core), and products in the reference's order give its numbers to the last bit.
    """
    if q.is_cpu:
        return (q @ k.transpose(-2, -1)).softmax(-1) @ v
    return functional.scaled_dot_product_attention(q, k, v, scale=1.0)


@final
class MatrixProjection(nn.Module):
    """The matrix ``(width, project)`` with which CLIP's family projects."""

    def __init__(self, width: int, project: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, project) * width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Project features to the shared space."""
        return x @ self.weight


@final
class FeedForward(nn.Module):
    """A linear layer, an activation and a linear layer."""

    def __init__(self, width: int, hidden: int, activation: Activation) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.use_quick_gelu = activation == "quick_gelu"

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens for tokens of the same shape."""
        hidden = self.fc1(x)
        active = (
            hidden * torch.sigmoid(1.702 * hidden)
            if self.use_quick_gelu
            else functional.gelu(hidden)
        )
        out: Tensor = self.fc2(active)
        return out


def inflate_temporal_embed(table: Tensor, frames: int, rule: InflationRule) -> Tensor:
    """Return a temporal table ``(1, F, D)`` with ``frames`` rows.

    With fewer rows, the first ones are taken. With more, `zeros` appends rows of zeros and the
    other rules interpolate along F; `aligned` keeps the first and the last row.
    """
    num_rows = table.shape[1]
    if frames <= num_rows:
        return table[:, :frames]
    if rule == "zeros":
        return functional.pad(table, (0, 0, 0, frames - num_rows))
    columns = table.transpose(1, 2)  # (1, D, F)
    if rule == "nearest":
        resized = functional.interpolate(columns, frames, mode="nearest")
    else:
        resized = functional.interpolate(
            columns, frames, mode="linear", align_corners=rule == "aligned"
        )
    return resized.transpose(1, 2)
