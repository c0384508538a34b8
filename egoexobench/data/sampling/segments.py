"""Equal segments of a span, one frame from the middle of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from egoexobench.errors import DataError

Indices = NDArray[np.int64]


def segment_centers(
    fps: float,
    frames: int,
    start: float,
    end: float,
    count: int,
    *,
    rate: float | None = None,
) -> Indices:
    """Return the centre frame of each of ``count`` equal segments of a span.

    The rule of EgoExoLearn and SoundBridge at test time (OpenGVLab/EgoExoLearn, commit e1f11b1,
    association_benchmark/data/data_utils.py): the span is clamped to the file, is at least 1 s
    and ``count`` frames long, and bounds are rounded half to even. The reference repeats frame 0
    where a frame does not decode; here that is an error of the decoder.

    Args:
        fps: frame rate of the file, Hz.
        frames: frames in the file.
        start: start of the span, s.
        end: end of the span, s.
        count: how many indices.
        rate: frame rate that seconds are turned into frames with, Hz; that of the file unless
            given. The reference calls it its ``fps`` argument, -1 being the file's.

    Returns:
        Frame indices ``(count,)``, non-decreasing, each below ``frames``.

    Raises:
        DataError: at ``rate`` the span starts beyond the file.
    """
    used, length = rate or fps, frames / fps
    second = min(start, length)
    stop = max(second + 1, min(end, length))
    first = int(np.round(second * used))
    if first > frames:
        raise DataError(
            f"at {used:g} Hz the span {start:g}-{end:g} s starts at frame {first}; the file has "
            f"{frames} frames, at {fps:g} Hz"
        )
    last = min(first + max(int((stop - second) * used), count), frames)
    edges = _edges(first, last, count)
    left = np.minimum(edges[:-1], last - 1)
    right = np.minimum(edges[1:], last)
    return np.asarray(np.clip((left + right) // 2, 0, frames - 1))


def lavila(
    fps: float,
    frames: int,
    start: float,
    end: float,
    count: int,
    *,
    rate: float | None = None,
) -> Indices:
    """Return LaViLa's segment centres in a video that is one file.

    facebookresearch/LaViLa, lavila/data/datasets.py, chunk length -1: the end is clamped to the
    file and the start is not, and a span of any length is taken as it is. Options as in
    :func:`segment_centres`.

    Raises:
        DataError: the span is empty, or an index lies beyond the file (the reference fails too).
    """
    used, stop = rate or fps, min(end, frames / fps)
    if stop <= start:
        raise DataError(
            f"the span {start:g}-{end:g} s is empty or beyond the file, {frames / fps:g} s long"
        )
    first = int(np.round(start * used))
    last = min(first + max(int((stop - start) * used), count), frames)
    found = _centres(first, last, count)
    if found.max() >= frames:
        raise DataError(
            f"at {used:g} Hz the span {start:g}-{end:g} s needs frame {found.max()}; the file has "
            f"{frames} frames"
        )
    return found


def lavila_chunked(
    frames: Sequence[int],
    start: float,
    end: float,
    count: int,
    seconds: int,
    *,
    rate: float = 30.0,
) -> list[tuple[int, Indices]]:
    """Return LaViLa's segment centres in a video that is cut into files of equal length.

    facebookresearch/LaViLa, lavila/data/datasets.py, with its chunk length, on the layout of
    Ego4D. What does not fit into the file of the start is taken from the next one, its indices
    counted on by the remainder of the length of the first; where there is no next one, all
    segments lie between the start and the end of the file.

    Args:
        frames: frames in each file, in order.
        start: start of the span, s of the video.
        end: end of the span, s of the video.
        count: how many indices.
        seconds: length of a file, s.
        rate: frame rate, Hz.

    Returns:
        The first second of one or two files and the indices in each, one of which may be empty.

    Raises:
        DataError: no file holds the start.
    """
    place = int(start) // seconds
    if place >= len(frames):
        raise DataError(
            f"the span {start:g}-{end:g} s starts beyond {len(frames)} files of {seconds} s"
        )
    here = frames[place]
    first = int(np.round((start - place * seconds) * rate))
    found = _centres(first, first + max(int((end - start) * rate), count), count)
    if found.max() < here:
        return [(place * seconds, found)]
    if place + 1 == len(frames):
        return [(place * seconds, _centres(min(first, here - 1), here, count))]
    rest = np.minimum(found[found >= here] % here, frames[place + 1] - 1)
    return [(place * seconds, found[found < here]), ((place + 1) * seconds, rest)]


def _centres(first: int, last: int, count: int) -> Indices:
    edges = _edges(first, last, count)
    return np.asarray((edges[:-1] + np.minimum(edges[1:], last)) // 2)


def _edges(first: int, last: int, count: int) -> Indices:
    return np.round((last - first - 1) / count * np.arange(count + 1)).astype(np.int64) + first
