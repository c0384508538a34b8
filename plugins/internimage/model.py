"""InternImage under its published parameter names; maps are ``(B, H, W, C)`` throughout."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from egoexobench_plugins.internimage.config import Arch
from egoexobench_plugins.internimage.dcnv3 import DCNv3, Kernel
from egoexobench_plugins.internimage.head import ClipHead, conv_head
from egoexobench_plugins.internimage.layout import channels_first, norm


@final
class InternImage(nn.Module):
    """The network and its classifier, with ``num_classes`` 0 for none."""

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.arch = arch
        self.patch_embed = Stem(arch.channels)
        self.levels = nn.ModuleList(Level(arch, i) for i in range(len(arch.depths)))
        if arch.use_clip_projector:
            self.clip_head = ClipHead(arch.features)
            self.dim = self.clip_head.dim
        else:
            self.dim = int(arch.features * arch.cls_scale)
            self.conv_head = conv_head(arch.features, self.dim)
        self.head = nn.Linear(self.dim, arch.num_classes) if arch.num_classes else None

    def stages(self, pictures: Tensor) -> list[Tensor]:
        """Normalised pictures ``(B, 3, H, W)`` to each stage's map, before it is halved."""
        maps = []
        x = self.patch_embed(pictures)
        for level in self.levels:
            assert isinstance(level, Level)  # noqa: S101 - the list holds nothing else
            kept = level(x)
            maps.append(kept)
            x = level.halved(kept)
        return maps

    def features(self, pictures: Tensor) -> Tensor:
        """Normalised pictures to the published feature ``(B, dim)``."""
        maps = self.stages(pictures)
        if self.arch.use_clip_projector:
            pooled: Tensor = self.clip_head(*maps[-2:])
            return pooled
        headed: Tensor = self.conv_head(channels_first(maps[-1]))
        return headed.mean((2, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalised pictures to class logits, or the feature without classes."""
        features = self.features(pictures)
        if self.head is None:
            return features
        logits: Tensor = self.head(features)
        return logits


@final
class Stem(nn.Module):
    """Pictures ``(B, 3, H, W)`` to maps of a quarter of their height and width."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, channels // 2, 3, 2, 1)
        self.norm1 = norm(channels // 2, first="both")
        self.conv2 = nn.Conv2d(channels // 2, channels, 3, 2, 1)
        self.norm2 = norm(channels, first="in")

    def forward(self, pictures: Tensor) -> Tensor:
        """As the class says."""
        half = functional.gelu(self.norm1(self.conv1(pictures)))
        maps: Tensor = self.norm2(self.conv2(half))
        return maps


@final
class Level(nn.Module):
    """A stage, and the way to the next one."""

    def __init__(self, arch: Arch, number: int) -> None:
        super().__init__()
        width = arch.channels * 2**number
        last = number == len(arch.depths) - 1
        self.blocks = nn.ModuleList(
            Block(arch, width, arch.groups[number]) for _ in range(arch.depths[number])
        )
        normed = not arch.post_norm or arch.center_feature_scale
        self.norm = norm(width) if normed else nn.Identity()
        wanted = arch.level2_post_norm and number == 2
        self.normed_after = (arch.level2_post_norm_block_ids or ()) if wanted else ()
        if wanted:
            self.post_norms = nn.ModuleList(norm(width) for _ in self.normed_after)
        self.checkpointing = arch.checkpointing
        self.downsample = nn.Identity() if last else Downsample(width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps to maps of the same size."""
        for i, block in enumerate(self.blocks):
            again = self.checkpointing and self.training
            x = checkpoint(block, x, use_reentrant=False) if again else block(x)
            if i in self.normed_after:
                x = self.post_norms[self.normed_after.index(i)](x)
        normed: Tensor = self.norm(x)
        return normed

    def halved(self, x: Tensor) -> Tensor:
        """Maps as the next stage wants them; as they are behind the last one."""
        maps: Tensor = self.downsample(x)
        return maps


@final
class Downsample(nn.Module):
    """Maps to maps of half the height and width and twice the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 2 * width, 3, 2, 1, bias=False)
        self.norm = norm(2 * width, first="in")

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        maps: Tensor = self.norm(self.conv(channels_first(x)))
        return maps


@final
class Block(nn.Module):
    """Deformable convolution and an MLP, each with a residual."""

    def __init__(self, arch: Arch, width: int, groups: int) -> None:
        super().__init__()
        kernel = Kernel(offset_scale=arch.offset_scale)
        depthwise = arch.dw_kernel_size or kernel.size
        self.norm1 = norm(width)
        self.dcn = DCNv3(width, groups, kernel, depthwise, arch.center_feature_scale)
        self.norm2 = norm(width)
        self.mlp = MLP(width, int(width * arch.mlp_ratio))
        self.scaled = arch.layer_scale is not None
        if arch.layer_scale is not None:
            self.gamma1 = nn.Parameter(torch.full((width,), arch.layer_scale))
            self.gamma2 = nn.Parameter(torch.full((width,), arch.layer_scale))
        self.after = arch.post_norm
        # as in the reference, gains switch the second norms off, which then are only stored
        self.twice = arch.res_post_norm and not arch.post_norm and not self.scaled
        if arch.res_post_norm:
            self.res_post_norm1 = norm(width)
            self.res_post_norm2 = norm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps to maps."""
        first = self.norm1(self.dcn(x)) if self.after else self.dcn(self.norm1(x))
        if self.twice:
            first = self.res_post_norm1(first)
        x = x + (self.gamma1 * first if self.scaled else first)
        second = self.norm2(self.mlp(x)) if self.after else self.mlp(self.norm2(x))
        if self.twice:
            second = self.res_post_norm2(second)
        out: Tensor = x + (self.gamma2 * second if self.scaled else second)
        return out


@final
class MLP(nn.Module):
    """Two layers."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps to maps."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out
