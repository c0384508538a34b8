"""Frames of a clip as one row of bytes: clips of one batch may differ in height and width."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from egoexobench.types import Frames
from egoexobench_plugins.mteb_models.batches import DecodedVideo

_SIZE = np.dtype("<i4")
_TIME = np.dtype("<f8")


def pack_frames(frames: Frames, short_side: int) -> NDArray[np.uint8]:
    """Return size, times and pixels as bytes ``(N,)``.

    Args:
        frames: of a clip.
        short_side: larger frames are reduced to it, in pixels; 0 keeps their size.
    """
    pixels = _reduce_size(frames.pixels, short_side)
    parts = np.array(pixels.shape[:3], _SIZE), frames.times.astype(_TIME), pixels
    return np.concatenate([np.ascontiguousarray(part).view(np.uint8).ravel() for part in parts])


def unpack_frames(content: Tensor) -> DecodedVideo:
    """Return the clip of the bytes that `pack_frames` returned."""
    array = content.numpy()
    start = 3 * _SIZE.itemsize
    count, height, width = array[:start].view(_SIZE).tolist()
    end = start + count * _TIME.itemsize
    pixels = torch.from_numpy(array[end:].reshape(count, height, width, 3))
    return DecodedVideo(pixels, array[start:end].view(_TIME).tolist())


def _reduce_size(pixels: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[1:3]
    if not short_side or min(height, width) <= short_side:
        return pixels
    scale = short_side / min(height, width)
    size = round(width * scale), round(height * scale)
    images = [Image.fromarray(frame).resize(size, Image.Resampling.BOX) for frame in pixels]
    return np.stack([np.asarray(image) for image in images])
