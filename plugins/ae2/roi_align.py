"""RoIAlign as one product of matrices: bilinear sampling of rows and of columns is separable."""

from __future__ import annotations

import torch
from torch import Tensor


def align_regions(maps: Tensor, boxes: Tensor, scale: float, num_bins: int) -> Tensor:
    """Return the mean of each bin of each box (He et al., Mask R-CNN, ICCV 2017).

    As ``torchvision.ops.roi_align`` with ``aligned=False`` and adaptive sampling: coordinates are
    not shifted by half a pixel, a side is at least one cell of the map, and a bin of size s is
    sampled at the middles of ceil(s) equal parts. A sample more than one cell outside the map is 0.

    Args:
        maps: ``(N, C, H, W)``.
        boxes: x1, y1, x2, y2 of the boxes of each map, ``(N, K, 4)``, in pixels of the picture.
        scale: cells of the map per pixel.
        num_bins: bins along each side.

    Returns:
        ``(N, K, C, num_bins, num_bins)``.
    """
    corners = boxes.float() * scale
    columns = _weigh_cells(corners[..., 0], corners[..., 2], maps.shape[3], num_bins).to(maps)
    rows = _weigh_cells(corners[..., 1], corners[..., 3], maps.shape[2], num_bins).to(maps)
    return torch.einsum("nkph,nchw,nkqw->nkcpq", rows, maps, columns)


def _weigh_cells(start: Tensor, end: Tensor, num_cells: int, num_bins: int) -> Tensor:
    """Return how much each cell along one side counts in each bin, ``(N, K, bins, cells)``."""
    bin_size = (end - start).clamp(min=1) / num_bins  # (N, K)
    num_samples = bin_size.ceil().clamp(min=1)
    steps = torch.arange(int(num_samples.max()) if num_samples.numel() else 1, device=start.device)
    offsets = (steps + 0.5) / num_samples[..., None]  # (N, K, G), in bins
    bins = torch.arange(num_bins, device=start.device)
    sizes, starts = bin_size[..., None, None], start[..., None, None]
    samples = starts + (bins[:, None] + offsets[..., None, :]) * sizes  # (N, K, bins, G)
    is_inside = (samples >= -1) & (samples <= num_cells)
    is_sample = (steps < num_samples[..., None])[..., None, :]
    cells = torch.arange(num_cells, device=start.device)
    positions = samples.clamp(0, num_cells - 1)[..., None]
    nearness = (1 - (positions - cells).abs()).clamp(min=0)  # (N, K, bins, G, cells)
    weights = nearness * (is_inside & is_sample)[..., None]
    return weights.sum(-2) / num_samples[..., None, None]
