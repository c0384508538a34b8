"""Deformable convolution v3 in plain torch.

Each output place reads its kernel's points, each moved by an offset, and adds them up under a mask
(Wang et al., InternImage, eq. 2; OpenGVLab/InternImage 31c962d, ops_dcnv3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench_plugins.internimage.layout import channels_first, norm


@dataclass(frozen=True, slots=True)
class Kernel:
    """Where the points of a kernel lie before offsets move them; sizes in pixels."""

    size: int = 3
    stride: int = 1
    pad: int = 1
    dilation: int = 1
    offset_scale: float = 1.0
    remove_center: bool = False

    @property
    def count(self) -> int:
        """Points of the kernel."""
        return self.size**2 - self.remove_center


def sample(x: Tensor, offset: Tensor, mask: Tensor, groups: int, kernel: Kernel) -> Tensor:
    """The sampling core.

    Args:
        x: maps ``(B, H, W, C)``; zero outside.
        offset: ``(B, H', W', groups * P * 2)``, an (x, y) pair for each point.
        mask: ``(B, H', W', groups * P)``.
        groups: channels of one group share their points.
        kernel: its points and their distance; the offset scale applies to both the points'
            own places and the offsets.

    Returns:
        Maps ``(B, H', W', C)``.
    """
    batch, height, width, channels = x.shape
    rows, columns = offset.shape[1:3]
    moved = _points(kernel).to(offset) + offset.view(batch, rows, columns, groups, -1, 2)
    places = _centres(rows, columns, kernel).to(offset) + moved * kernel.offset_scale
    # grid_sample counts from -1 to 1 between the outer edges of the first and last pixel
    grid = (2 * places + 1) / offset.new_tensor([width, height]) - 1
    grid = grid.permute(0, 3, 1, 2, 4, 5).flatten(2, 3).flatten(0, 1)  # (B * G, H' * W', P, 2)
    planes = x.reshape(batch, height, width, groups, -1).permute(0, 3, 4, 1, 2).flatten(0, 1)
    found = functional.grid_sample(planes, grid, align_corners=False)  # (B * G, C / G, H' * W', P)
    weights = mask.view(batch, rows, columns, groups, -1).permute(0, 3, 1, 2, 4)
    summed = (found * weights.reshape(len(planes), 1, rows * columns, -1)).sum(-1)
    return summed.view(batch, channels, rows, columns).permute(0, 2, 3, 1)


def _centres(rows: int, columns: int, kernel: Kernel) -> Tensor:
    """The pixel ``(x, y)`` that the kernel is laid on, ``(rows, columns, 1, 1, 2)``."""
    first = kernel.dilation * (kernel.size - 1) // 2 - kernel.pad
    across, down = (first + kernel.stride * torch.arange(count) for count in (columns, rows))
    x, y = torch.meshgrid(across, down, indexing="xy")
    return torch.stack([x, y], -1)[:, :, None, None]


def _points(kernel: Kernel) -> Tensor:
    """The kernel's points ``(P, 2)`` around its centre, (x, y) with y running fastest."""
    span = kernel.dilation * (torch.arange(kernel.size))
    span = span - kernel.dilation * (kernel.size - 1) // 2
    points = torch.stack(torch.meshgrid(span, span, indexing="ij"), -1).flatten(0, 1)
    if not kernel.remove_center:
        return points
    centre = (len(points) - 1) // 2
    return torch.cat([points[:centre], points[centre + 1 :]])


@final
class DCNv3(nn.Module):
    """The layer: offsets and masks from a depth-wise convolution, the core, a projection."""

    def __init__(
        self, channels: int, groups: int, kernel: Kernel, depthwise: int, central: bool
    ) -> None:
        super().__init__()
        self.groups, self.kernel, self.central = groups, kernel, central
        self.dw_conv = nn.Sequential(
            nn.Conv2d(channels, channels, depthwise, padding=(depthwise - 1) // 2, groups=channels),
            norm(channels, first="in"),
            nn.GELU(),
        )
        self.offset = nn.Linear(channels, groups * kernel.count * 2)
        self.mask = nn.Linear(channels, groups * kernel.count)
        for layer in (self.offset, self.mask):  # starts as an ordinary average over the kernel
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.input_proj = nn.Linear(channels, channels)
        self.output_proj = nn.Linear(channels, channels)
        if central:
            self.center_feature_scale_proj_weight = nn.Parameter(torch.zeros(groups, channels))
            self.center_feature_scale_proj_bias = nn.Parameter(torch.zeros(groups))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(B, H, W, C)`` to maps."""
        projected = self.input_proj(x)
        near = self.dw_conv(channels_first(x))
        raw: Tensor = self.mask(near)
        mask = raw.view(*raw.shape[:3], self.groups, -1).softmax(-1).flatten(3)
        found = sample(projected, self.offset(near), mask, self.groups, self.kernel)
        if self.central:
            found = self._centred(found, projected, near)
        out: Tensor = self.output_proj(found)
        return out

    def _centred(self, found: Tensor, projected: Tensor, near: Tensor) -> Tensor:
        """Mix in what stands at the place itself, by a share that each group decides."""
        weight, bias = self.center_feature_scale_proj_weight, self.center_feature_scale_proj_bias
        share = functional.linear(near, weight, bias).sigmoid()
        share = share.repeat_interleave(found.shape[-1] // self.groups, -1)
        return found * (1 - share) + projected * share
