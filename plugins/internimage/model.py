"""InternImage with its published parameter names; all maps are ``(B, H, W, C)``."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from egoexobench_plugins.internimage.config import InternImageConfig
from egoexobench_plugins.internimage.dcnv3 import DCNv3, SamplingKernel
from egoexobench_plugins.internimage.head import ClipHead, build_conv_head
from egoexobench_plugins.internimage.layout import build_norm, to_channels_first


@final
class InternImage(nn.Module):
    """The network and its classifier; with ``num_classes`` 0 it has no classifier."""

    def __init__(self, config: InternImageConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = ConvStem(config.channels)
        self.levels = nn.ModuleList(InternImageStage(config, i) for i in range(len(config.depths)))
        if config.use_clip_projector:
            self.clip_head = ClipHead(config.feature_dim)
            self.dim = self.clip_head.dim
        else:
            self.dim = int(config.feature_dim * config.cls_scale)
            self.conv_head = build_conv_head(config.feature_dim, self.dim)
        self.head = nn.Linear(self.dim, config.num_classes) if config.num_classes else None

    def compute_stages(self, images: Tensor) -> list[Tensor]:
        """Return the map of each stage, before downsampling, of images ``(B, 3, H, W)``."""
        maps = []
        x = self.patch_embed(images)
        for level in self.levels:
            assert isinstance(level, InternImageStage)  # noqa: S101 - the list holds nothing else
            stage_map = level(x)
            maps.append(stage_map)
            x = level.to_next_stage(stage_map)
        return maps

    def extract_features(self, images: Tensor) -> Tensor:
        """Return the published feature ``(B, dim)`` of normalized images."""
        maps = self.compute_stages(images)
        if self.config.use_clip_projector:
            pooled: Tensor = self.clip_head(*maps[-2:])
            return pooled
        headed: Tensor = self.conv_head(to_channels_first(maps[-1]))
        return headed.mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Return class logits of normalized images, or the feature without classes."""
        features = self.extract_features(images)
        if self.head is None:
            return features
        logits: Tensor = self.head(features)
        return logits


@final
class ConvStem(nn.Module):
    """Two convolutions; maps have a quarter of the image's height and width."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, channels // 2, 3, 2, 1)
        self.norm1 = build_norm(channels // 2, layout="first")
        self.conv2 = nn.Conv2d(channels // 2, channels, 3, 2, 1)
        self.norm2 = build_norm(channels, layout="first-to-last")

    def forward(self, images: Tensor) -> Tensor:
        """Apply the module."""
        half = functional.gelu(self.norm1(self.conv1(images)))
        maps: Tensor = self.norm2(self.conv2(half))
        return maps


@final
class InternImageStage(nn.Module):
    """The blocks of a stage, and the downsampling behind them."""

    def __init__(self, config: InternImageConfig, index: int) -> None:
        super().__init__()
        width = config.channels * 2**index
        last = index == len(config.depths) - 1
        self.blocks = nn.ModuleList(
            InternImageBlock(config, width, config.groups[index])
            for _ in range(config.depths[index])
        )
        normed = not config.post_norm or config.center_feature_scale
        self.norm = build_norm(width) if normed else nn.Identity()
        has_post_norms = config.level2_post_norm and index == 2
        self.normed_after = (config.level2_post_norm_block_ids or ()) if has_post_norms else ()
        if has_post_norms:
            self.post_norms = nn.ModuleList(build_norm(width) for _ in self.normed_after)
        self.checkpointing = config.checkpointing
        self.downsample = nn.Identity() if last else DownsampleLayer(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same size."""
        for i, block in enumerate(self.blocks):
            recompute = self.checkpointing and self.training
            x = checkpoint(block, x, use_reentrant=False) if recompute else block(x)
            if i in self.normed_after:
                x = self.post_norms[self.normed_after.index(i)](x)
        normed: Tensor = self.norm(x)
        return normed

    def to_next_stage(self, x: Tensor) -> Tensor:
        """Return the maps that the next stage reads; the last stage changes nothing."""
        maps: Tensor = self.downsample(x)
        return maps


@final
class DownsampleLayer(nn.Module):
    """A convolution to half of the height and width and twice the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 2 * width, 3, 2, 1, bias=False)
        self.norm = build_norm(2 * width, layout="first-to-last")

    def forward(self, x: Tensor) -> Tensor:
        """Apply the module."""
        maps: Tensor = self.norm(self.conv(to_channels_first(x)))
        return maps


@final
class InternImageBlock(nn.Module):
    """Deformable convolution and an MLP, each with a residual."""

    def __init__(self, config: InternImageConfig, width: int, groups: int) -> None:
        super().__init__()
        kernel = SamplingKernel(offset_scale=config.offset_scale)
        depthwise = config.dw_kernel_size or kernel.size
        self.norm1 = build_norm(width)
        self.dcn = DCNv3(
            width, groups, kernel, depthwise=depthwise, use_center=config.center_feature_scale
        )
        self.norm2 = build_norm(width)
        self.mlp = FeedForward(width, int(width * config.mlp_ratio))
        self.scaled = config.layer_scale is not None
        if config.layer_scale is not None:
            self.gamma1 = nn.Parameter(torch.full((width,), config.layer_scale))
            self.gamma2 = nn.Parameter(torch.full((width,), config.layer_scale))
        self.norm_after = config.post_norm
        # as in the reference, layer scales switch the second norms off; they are only stored
        self.norm_twice = config.res_post_norm and not config.post_norm and not self.scaled
        if config.res_post_norm:
            self.res_post_norm1 = build_norm(width)
            self.res_post_norm2 = build_norm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        first = self.norm1(self.dcn(x)) if self.norm_after else self.dcn(self.norm1(x))
        if self.norm_twice:
            first = self.res_post_norm1(first)
        x = x + (self.gamma1 * first if self.scaled else first)
        second = self.norm2(self.mlp(x)) if self.norm_after else self.mlp(self.norm2(x))
        if self.norm_twice:
            second = self.res_post_norm2(second)
        out: Tensor = x + (self.gamma2 * second if self.scaled else second)
        return out


@final
class FeedForward(nn.Module):
    """A linear layer, GELU and a linear layer."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out
