"""Samplers that return the middle frames of equal intervals, or frames at equal steps.

With ``rng`` they return random frames of the intervals, as the references do in training.
"""

from __future__ import annotations

import numpy as np

from egoexobench.data.sampling.segments import Indices
from egoexobench.errors import DataError


def frozen_in_time(
    fps: float,
    num_frames: int,
    start: float,
    end: float,
    count: int,
    *,
    rng: np.random.Generator | None = None,
) -> Indices:
    """Return the middle frames of equal intervals of the whole video; the clip does not matter.

    m-bain/frozen-in-time, base/base_dataset.py, ``sample='uniform'``; EgoVLP has the same.
    For a video of fewer than ``count`` frames the result is each frame once.
    """
    del fps, start, end
    return _pick_in_intervals(0, num_frames, min(count, num_frames), rng)


def egovlp_start_end(
    fps: float,
    num_frames: int,
    start: float,
    end: float,
    count: int,
    *,
    rng: np.random.Generator | None = None,
) -> Indices:
    """Return the middle frames of equal intervals of a clip that is not clamped to the file.

    showlab/EgoVLP, base/base_dataset.py, ``sample_frames_start_end``. The reference takes frame
    numbers; here seconds are converted to frames as in :func:`egovlp_charades`. For an end below
    ``count`` the number of indices is the frame number of the end. For an interval without a frame
    the index is that of the frame before it.
    """
    del num_frames
    first, last = int(start * fps), int(end * fps)
    return _pick_in_intervals(first, last, min(count, last), rng)


def egovlp_clips(
    fps: float,
    num_frames: int,
    start: float,
    end: float,
    count: int,
    *,
    rng: np.random.Generator | None = None,
) -> Indices:
    """Return the middle frames of equal intervals of a clip that is clamped to the file.

    showlab/EgoVLP, base/base_dataset.py, ``sample_frames_clips``. For an interval without a frame
    the index is that of the frame before it, which is -1 at the start of a file. For a clip that
    starts after the file the indices descend, outside the file, as in the reference.
    """
    first, last = max(0, int(start * fps)), min(num_frames, int(end * fps))
    return _pick_in_intervals(first, last, count, rng)


def egovlp_charades(
    fps: float,
    num_frames: int,
    start: float,
    end: float,
    count: int,
    *,
    rng: np.random.Generator | None = None,
) -> Indices:
    """Return EgoVLP's frames of a CharadesEgo video or of a clip of it.

    showlab/EgoVLP, data_loader/CharadesEgo_dataset.py: a clip of 0 to 0 s is the whole video;
    bounds are rounded down to frames. The reference then reads the frame before each index; the
    result here is the index as it is computed.

    Raises:
        DataError: an index is outside the file (a decoder would fail in the reference).
    """
    is_whole_video = start == 0 and end == 0
    first = 0 if is_whole_video else max(0, int(start * fps))
    last = num_frames if is_whole_video else min(num_frames, int(end * fps))
    indices = _pick_in_intervals(first, last, min(count, last), rng)
    if len(indices) and indices.max() >= num_frames:
        raise DataError(
            f"the clip {start:g}-{end:g} s needs frame {indices.max()}; "
            f"the file has {num_frames} frames"
        )
    return indices


def viclip(fps: float, num_frames: int, start: float, end: float, count: int) -> Indices:
    """Return every n-th frame of the whole video from frame 0; the clip does not matter.

    OpenGVLab/InternVideo, Data/InternVid/viclip (``frames_from_video``): n is the number of
    frames divided by ``count``, rounded down.

    Raises:
        DataError: the file has fewer than ``count`` frames (an assertion in the reference).
    """
    del fps, start, end
    if num_frames < count:
        raise DataError(f"the file has {num_frames} frames, but {count} are needed")
    return np.arange(count) * (num_frames // count)


def _pick_in_intervals(
    first: int, last: int, count: int, rng: np.random.Generator | None
) -> Indices:
    """Return the middle frame of each interval, or a random frame of it but the last.

    In training the references never take the last frame of an interval, and fail if it has no
    other one. Here an interval of one frame gives that frame, and one without frames its middle.
    """
    edges = np.linspace(first, last, count + 1).astype(np.int64)
    left, right = edges[:-1], edges[1:] - 1
    middles = np.asarray((left + right) // 2)
    if rng is None:
        return middles
    return np.where(right > left, rng.integers(left, np.maximum(right, left + 1)), middles)
