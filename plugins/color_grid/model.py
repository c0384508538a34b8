"""Colours and contrast per cell, in NumPy."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from egoexobench.types import Audio, Frames, Modality, Tokens

if TYPE_CHECKING:
    from torch import Tensor

BITS = 5
DROPPED = 8 - BITS
PLACES = np.array([1 << 2 * BITS, 1 << BITS, 1], np.int32)
SIDE = 64
"""Pixels along a side that are looked at, at most; larger pictures are thinned out."""


@final
class ColorGrid:
    """Options as in the factory."""

    modality: Modality = "video"
    frozen = True

    def __init__(self, grid: int, hues: int) -> None:
        self.grid, self.hues = grid, hues
        self.dim = grid * grid * (hues + 4)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Frames ``(F, H, W, 3)`` to ``(F, dim)``."""
        assert isinstance(source, Frames)  # noqa: S101 - the harness hands over its modality
        pixels = _thin(source.pixels, self.grid) >> DROPPED
        codes = (pixels @ PLACES).astype(np.int32)  # (F, H, W)
        cell = self._mean(_table(self.hues)[codes])  # (F, G, G, hues + 5)
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


@lru_cache(maxsize=4)
def _table(hues: int) -> NDArray[np.float32]:
    """What every colour adds to a cell: hue weights, red, green, blue, brightness and its square.

    Colours are told apart by their 5 leading bits, so that a picture is looked up, not computed.
    """
    steps = np.arange(1 << BITS, dtype=np.float32)
    level = (steps * (1 << DROPPED) + (1 << DROPPED) / 2) / 256
    rgb = np.stack(np.meshgrid(level, level, level, indexing="ij"), -1).reshape(-1, 3)
    bright = rgb.mean(-1, keepdims=True)
    features = [_hue_weights(rgb, hues), rgb, bright, bright**2]
    return np.concatenate(features, -1).astype(np.float32)


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
