"""Colours and contrast per cell, in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from egoexobench.values import Frames, Modality, Sound, Tokens

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 64
"""Pixels along a side that are looked at, at most; larger pictures are thinned out."""


@final
class Cells:
    """Options as in the factory."""

    modality: Modality = "video"
    frozen = True

    def __init__(self, grid: int, hues: int) -> None:
        self.grid, self.hues = grid, hues
        self.dim = grid * grid * (hues + 4)

    def prepare(self, source: Frames | Sound | str) -> NDArray[np.float32]:
        """Frames ``(F, H, W, 3)`` to ``(F, dim)``."""
        assert isinstance(source, Frames)  # noqa: S101 - the harness hands over its modality
        rgb = _thin(source.pixels, self.grid).astype(np.float32) / np.float32(255)  # (F, H, W, 3)
        bright = rgb.mean(-1, keepdims=True)
        features = [_hue_weights(rgb, self.hues), rgb, bright, bright**2]
        cell = self._mean(np.concatenate(features, -1))  # (F, G, G, hues + 5)
        contrast = np.sqrt(np.maximum(cell[..., -1] - cell[..., -2] ** 2, 0))
        kept = np.concatenate([cell[..., :-2], contrast[..., None]], -1)
        return kept.reshape(len(kept), -1)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """The prepared rows are the tokens."""
        return Tokens(values, mask)

    def _mean(self, pixels: NDArray[np.float32]) -> NDArray[Any]:
        frames, height, width, depth = pixels.shape
        g = self.grid
        split = pixels.reshape(frames, g, height // g, g, width // g, depth)
        return np.asarray(split.mean((2, 4)))


def _thin(pixels: NDArray[np.uint8], grid: int) -> NDArray[np.uint8]:
    rows, columns = (_pick(side, grid) for side in pixels.shape[1:3])
    return pixels[:, rows][:, :, columns]


def _pick(side: int, grid: int) -> NDArray[np.int64]:
    count = max(min(side, SIDE) // grid, 1) * grid
    return (np.arange(count) * side) // count


def _hue_weights(rgb: NDArray[Any], hues: int) -> NDArray[Any]:
    high, low = rgb.max(-1), rgb.min(-1)
    colour = high - low
    safe = np.where(colour > 0, colour, 1)
    red, green, blue = (rgb[..., i] for i in range(3))
    sixth = np.where(
        high == red,
        (green - blue) / safe % 6,
        np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    distance = np.abs(sixth[..., None] * (hues / 6) - np.arange(hues, dtype=np.float32))
    near = np.minimum(distance, hues - distance)  # bins lie on a circle
    return np.asarray(np.maximum(1 - near, 0) * colour[..., None])
