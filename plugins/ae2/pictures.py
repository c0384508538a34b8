"""Frames as the release stores and reads them: reduced by area, twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

STORED_SIDE = 256
"""Side of the pictures that the release writes before it trains, pixels."""


def shrink_frames(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return frames ``(F, H, W, 3)`` as squares ``(F, side, side, 3)``.

    Both steps, to 256 pixels and then to ``side``, are rounded to 8 bits. A pixel is the mean of
    the area that it covers, as in OpenCV's INTER_AREA where a picture gets smaller.
    """
    stored = (_shrink_picture(frame, STORED_SIDE) for frame in pixels)
    return np.stack([_shrink_picture(frame, side) for frame in stored])


def _shrink_picture(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    if picture.shape[:2] == (side, side):
        return picture
    rows = _compute_row_means(picture.astype(np.float64), side)  # (side, W, 3)
    means = _compute_row_means(rows.swapaxes(0, 1), side).swapaxes(0, 1)
    result: NDArray[np.uint8] = np.rint(means).astype(np.uint8)
    return result


def _compute_row_means(values: NDArray[Any], count: int) -> NDArray[Any]:
    """Return the means over ``count`` equal parts of the first axis, which may cut a row."""
    size = len(values)
    sums = np.concatenate([np.zeros_like(values[:1]), values.cumsum(0)])
    edges = np.arange(count + 1) * size / count
    full = np.minimum(edges.astype(np.int64), size - 1)
    parts = (edges - full).reshape(-1, *[1] * (values.ndim - 1))
    integrals = sums[full] + values[full] * parts
    return np.diff(integrals, axis=0) * (count / size)
