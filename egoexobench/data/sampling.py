"""Which frames of a span are looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def segment_centres(
    fps: float, frames: int, start: float, end: float, count: int
) -> NDArray[np.int64]:
    """Return the centre frame of each of ``count`` equal segments of a span.

    The rule of EgoExoLearn, SoundBridge and LaViLa at test time (OpenGVLab/EgoExoLearn, commit
    e1f11b1, association_benchmark/data/data_utils.py): the span is clamped to the file, is at
    least 1 s and ``count`` frames long, and bounds are rounded half to even.

    Args:
        fps: frame rate, Hz.
        frames: frames in the file.
        start: start of the span, s.
        end: end of the span, s.
        count: how many indices.

    Returns:
        Frame indices ``(count,)``, non-decreasing, each below ``frames``.
    """
    length = frames / fps
    second = min(start, length)
    stop = max(second + 1, min(end, length))
    first = int(np.round(second * fps))
    last = min(first + max(int((stop - second) * fps), count), frames)
    edges = np.round((last - first - 1) / count * np.arange(count + 1)).astype(np.int64) + first
    left = np.minimum(edges[:-1], last - 1)
    right = np.minimum(edges[1:], last)
    return np.asarray(np.clip((left + right) // 2, 0, frames - 1))
