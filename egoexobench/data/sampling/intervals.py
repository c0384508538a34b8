"""Equal intervals of whole frames, one frame from the middle of each, and equal steps."""

from __future__ import annotations

import numpy as np

from egoexobench.data.sampling.segments import Indices
from egoexobench.errors import DataError


def frozen_in_time(fps: float, frames: int, start: float, end: float, count: int) -> Indices:
    """Return the middle frames of equal intervals of the whole video, whatever the span.

    m-bain/frozen-in-time, base/base_dataset.py, ``sample='uniform'``; EgoVLP has it too. A video
    of fewer than ``count`` frames gives each of its frames once.
    """
    del fps, start, end
    return _middles(0, frames, min(count, frames))


def egovlp_start_end(fps: float, frames: int, start: float, end: float, count: int) -> Indices:
    """Return the middle frames of equal intervals of a span that is not clamped to the file.

    showlab/EgoVLP, base/base_dataset.py, ``sample_frames_start_end``. The reference takes frame
    numbers; here seconds become frames as in :func:`egovlp_charades`. An end below ``count``
    gives as many indices as its frame number. An interval without a frame gives the frame before
    it, which is -1 at the start of a file.
    """
    del frames
    first, last = int(start * fps), int(end * fps)
    return _middles(first, last, min(count, last))


def egovlp_clips(fps: float, frames: int, start: float, end: float, count: int) -> Indices:
    """Return the middle frames of equal intervals of a span clamped to the file.

    showlab/EgoVLP, base/base_dataset.py, ``sample_frames_clips``. A span that starts beyond the
    file runs backwards from there, out of the file, as it does in the reference.
    """
    first, last = max(0, int(start * fps)), min(frames, int(end * fps))
    return _middles(first, last, count)


def egovlp_charades(fps: float, frames: int, start: float, end: float, count: int) -> Indices:
    """Return EgoVLP's frames of a CharadesEgo video or of a span of it.

    showlab/EgoVLP, data_loader/CharadesEgo_dataset.py: a span of 0 to 0 s is the whole video;
    bounds are cut down to whole frames. The reference then reads the frame before each index; ours
    is the index as it is computed.

    Raises:
        DataError: an index lies beyond the file (a decoder would fail in the reference).
    """
    whole = start == 0 and end == 0
    first = 0 if whole else max(0, int(start * fps))
    last = frames if whole else min(frames, int(end * fps))
    found = _middles(first, last, min(count, last))
    if len(found) and found.max() >= frames:
        raise DataError(
            f"the span {start:g}-{end:g} s needs frame {found.max()}; the file has {frames} frames"
        )
    return found


def viclip(fps: float, frames: int, start: float, end: float, count: int) -> Indices:
    """Return every n-th frame of the whole video from frame 0, whatever the span.

    OpenGVLab/InternVideo, Data/InternVid/viclip (``frames_from_video``): n is the number of
    frames divided by ``count``, rounded down.

    Raises:
        DataError: the file has fewer than ``count`` frames (an assertion in the reference).
    """
    del fps, start, end
    if frames < count:
        raise DataError(f"the file has {frames} frames; {count} are needed")
    return np.arange(count) * (frames // count)


def _middles(first: int, last: int, count: int) -> Indices:
    edges = np.linspace(first, last, count + 1).astype(np.int64)
    return np.asarray((edges[:-1] + edges[1:] - 1) // 2)
