"""Colors and contrast per cell, in NumPy."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from egoexobench.types import Audio, Frames, Modality, Tokens

if TYPE_CHECKING:
    from torch import Tensor

COLOR_BITS = 5
DROPPED_BITS = 8 - COLOR_BITS
CODE_WEIGHTS = np.array([1 << 2 * COLOR_BITS, 1 << COLOR_BITS, 1], np.int32)
MAX_SIDE = 64
"""Largest side in pixels; larger images are subsampled."""


@final
class ColorGridEncoder:
    """Encodes frames as colors on a grid; the options are those of the factory."""

    modality: Modality = "video"
    frozen = True

    def __init__(self, grid: int, hues: int) -> None:
        self.grid, self.hues = grid, hues
        self.dim = grid * grid * (hues + 4)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Return a row per frame, ``(F, dim)``."""
        assert isinstance(source, Frames)  # noqa: S101 - the harness passes this modality
        pixels = _sample_pixels(source.pixels, self.grid) >> DROPPED_BITS
        codes = (pixels @ CODE_WEIGHTS).astype(np.int32)  # (F, H, W)
        values = _build_color_table(self.hues)[codes]
        cells = self._compute_cell_means(values)  # (F, G, G, hues + 5)
        contrast = np.sqrt(np.maximum(cells[..., -1] - cells[..., -2] ** 2, 0))
        features = np.concatenate([cells[..., :-2], contrast[..., None]], -1)
        return features.reshape(len(features), -1)

    def get_token_times(self, frame_times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time of each token, that of its frame, s ``(T,)``."""
        return frame_times

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return the prepared rows as tokens."""
        return Tokens(values, mask)

    def _compute_cell_means(self, pixels: NDArray[np.float32]) -> NDArray[Any]:
        frames, height, width, depth = pixels.shape
        grid = self.grid
        cells = pixels.reshape(frames, grid, height // grid, grid, width // grid, depth)
        return np.asarray(cells.mean((2, 4)))


@lru_cache(maxsize=4)
def _build_color_table(hues: int) -> NDArray[np.float32]:
    """Return the values of every color: hue weights, red, green, blue, brightness and its square.

    A color is the 5 leading bits of each channel, so that the values of an image are looked up.
    """
    steps = np.arange(1 << COLOR_BITS, dtype=np.float32)
    level = (steps * (1 << DROPPED_BITS) + (1 << DROPPED_BITS) / 2) / 256
    rgb = np.stack(np.meshgrid(level, level, level, indexing="ij"), -1).reshape(-1, 3)
    brightness = rgb.mean(-1, keepdims=True)
    features = [_hue_weights(rgb, hues), rgb, brightness, brightness**2]
    return np.concatenate(features, -1).astype(np.float32)


def _sample_pixels(pixels: NDArray[np.uint8], grid: int) -> NDArray[np.uint8]:
    rows, columns = (_pick_indices(side, grid) for side in pixels.shape[1:3])
    return pixels[:, rows][:, :, columns]


def _pick_indices(side: int, grid: int) -> NDArray[np.int64]:
    count = max(min(side, MAX_SIDE) // grid, 1) * grid
    return (np.arange(count) * side) // count


def _hue_weights(rgb: NDArray[Any], hues: int) -> NDArray[Any]:
    highest, lowest = rgb.max(-1), rgb.min(-1)
    chroma = highest - lowest
    divisor = np.where(chroma > 0, chroma, 1)
    red, green, blue = (rgb[..., i] for i in range(3))
    hue = np.where(
        highest == red,
        (green - blue) / divisor % 6,
        np.where(highest == green, (blue - red) / divisor + 2, (red - green) / divisor + 4),
    )
    distance = np.abs(hue[..., None] * (hues / 6) - np.arange(hues, dtype=np.float32))
    closeness = np.minimum(distance, hues - distance)  # bins lie on a circle
    return np.asarray(np.maximum(1 - closeness, 0) * chroma[..., None])
