"""Deformable convolution v3 in plain torch.

Each output position reads the points of its kernel, moved by offsets, and sums them with the
weights of a mask (Wang et al., InternImage, eq. 2; OpenGVLab/InternImage 31c962d, ops_dcnv3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench_plugins.internimage.layout import build_norm, to_channels_first


@dataclass(frozen=True, slots=True)
class SamplingKernel:
    """The grid of points that a kernel reads before offsets move them; sizes in pixels."""

    size: int = 3
    stride: int = 1
    pad: int = 1
    dilation: int = 1
    offset_scale: float = 1.0
    remove_center: bool = False

    @property
    def num_points(self) -> int:
        """Number of points of the kernel."""
        return self.size**2 - self.remove_center


def sample_deformable(
    x: Tensor, offset: Tensor, mask: Tensor, *, groups: int, kernel: SamplingKernel
) -> Tensor:
    """Return the weighted sums of sampled points; this is the core of the layer.

    Args:
        x: maps ``(B, H, W, C)``; zero outside.
        offset: ``(B, H', W', groups * P * 2)``, an (x, y) pair for each point.
        mask: ``(B, H', W', groups * P)``.
        groups: number of channel groups; the channels of a group share their points.
        kernel: grid of points; its offset scale multiplies both the grid and the offsets.

    Returns:
        Maps ``(B, H', W', C)``.
    """
    batch, height, width, channels = x.shape
    rows, columns = offset.shape[1:3]
    moved = _compute_points(kernel).to(offset) + offset.view(batch, rows, columns, groups, -1, 2)
    points = _compute_centers(rows, columns, kernel).to(offset) + moved * kernel.offset_scale
    # grid_sample counts from -1 to 1 between the outer edges of the first and last pixel
    grid = (2 * points + 1) / offset.new_tensor([width, height]) - 1
    grid = grid.permute(0, 3, 1, 2, 4, 5).flatten(2, 3).flatten(0, 1)  # (B * G, H' * W', P, 2)
    planes = x.reshape(batch, height, width, groups, -1).permute(0, 3, 4, 1, 2).flatten(0, 1)
    # (B * G, C / G, H' * W', P)
    sampled = functional.grid_sample(planes, grid, align_corners=False)
    weights = mask.view(batch, rows, columns, groups, -1).permute(0, 3, 1, 2, 4)
    summed = (sampled * weights.reshape(len(planes), 1, rows * columns, -1)).sum(-1)
    return summed.view(batch, channels, rows, columns).permute(0, 2, 3, 1)


def _compute_centers(rows: int, columns: int, kernel: SamplingKernel) -> Tensor:
    """Return the pixel ``(x, y)`` at the kernel's center, ``(rows, columns, 1, 1, 2)``."""
    start = kernel.dilation * (kernel.size - 1) // 2 - kernel.pad
    xs, ys = (start + kernel.stride * torch.arange(count) for count in (columns, rows))
    x, y = torch.meshgrid(xs, ys, indexing="xy")
    return torch.stack([x, y], -1)[:, :, None, None]


def _compute_points(kernel: SamplingKernel) -> Tensor:
    """Return the kernel's points ``(P, 2)`` around its center: (x, y), y changes fastest."""
    span = kernel.dilation * (torch.arange(kernel.size))
    span = span - kernel.dilation * (kernel.size - 1) // 2
    points = torch.stack(torch.meshgrid(span, span, indexing="ij"), -1).flatten(0, 1)
    if not kernel.remove_center:
        return points
    center = (len(points) - 1) // 2
    return torch.cat([points[:center], points[center + 1 :]])


@final
class DCNv3(nn.Module):
    """The layer: a depthwise convolution gives offsets and mask; then sampling and projection."""

    def __init__(
        self,
        channels: int,
        groups: int,
        kernel: SamplingKernel,
        *,
        depthwise: int,
        use_center: bool,
    ) -> None:
        super().__init__()
        self.groups, self.kernel, self.use_center = groups, kernel, use_center
        self.dw_conv = nn.Sequential(
            nn.Conv2d(channels, channels, depthwise, padding=(depthwise - 1) // 2, groups=channels),
            build_norm(channels, layout="first-to-last"),
            nn.GELU(),
        )
        self.offset = nn.Linear(channels, groups * kernel.num_points * 2)
        self.mask = nn.Linear(channels, groups * kernel.num_points)
        for layer in (self.offset, self.mask):  # the layer starts as an average over the kernel
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.input_proj = nn.Linear(channels, channels)
        self.output_proj = nn.Linear(channels, channels)
        if use_center:
            self.center_feature_scale_proj_weight = nn.Parameter(torch.zeros(groups, channels))
            self.center_feature_scale_proj_bias = nn.Parameter(torch.zeros(groups))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps ``(B, H, W, C)`` for maps of the same shape."""
        projected = self.input_proj(x)
        local = self.dw_conv(to_channels_first(x))
        raw: Tensor = self.mask(local)
        mask = raw.view(*raw.shape[:3], self.groups, -1).softmax(-1).flatten(3)
        sampled = sample_deformable(
            projected, self.offset(local), mask, groups=self.groups, kernel=self.kernel
        )
        if self.use_center:
            sampled = self._mix_center(sampled, projected, local)
        out: Tensor = self.output_proj(sampled)
        return out

    def _mix_center(self, sampled: Tensor, projected: Tensor, local: Tensor) -> Tensor:
        """Mix in the value at the position itself, with a weight for each group."""
        weight, bias = self.center_feature_scale_proj_weight, self.center_feature_scale_proj_bias
        center_weight = functional.linear(local, weight, bias).sigmoid()
        center_weight = center_weight.repeat_interleave(sampled.shape[-1] // self.groups, -1)
        return sampled * (1 - center_weight) + projected * center_weight
