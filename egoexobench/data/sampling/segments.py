"""Samplers that return the center frames of equal segments of a clip, or all of its frames."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from egoexobench.errors import DataError

Indices = NDArray[np.int64]
ROUNDING = 1e-6
"""A time may be rounded by so many frames."""


def segment_centers(
    fps: float,
    num_frames: int,
    start: float,
    end: float,
    count: int,
    *,
    rate: float | None = None,
    rng: np.random.Generator | None = None,
) -> Indices:
    """Return the center frame of each of ``count`` equal segments of a clip.

    The rule of EgoExoLearn and SoundBridge at test time (OpenGVLab/EgoExoLearn, commit e1f11b1,
    association_benchmark/data/data_utils.py): the clip is clamped to the file, is at least 1 s
    and ``count`` frames long, and bounds are rounded half to even. If a frame does not decode, the
    reference repeats frame 0; here it is an error.

    Args:
        fps: frame rate of the file, Hz.
        num_frames: number of frames in the file.
        start: start of the clip, s.
        end: end of the clip, s.
        count: number of indices.
        rate: frame rate that converts seconds to frames, Hz; default: that of the file. It is the
            ``fps`` argument of the reference, where -1 means that of the file.
        rng: takes a random frame of each segment, both ends included, as the reference does in
            training; default: the center.

    Returns:
        Frame indices ``(count,)``, non-decreasing, each below ``num_frames``.

    Raises:
        DataError: at ``rate`` the clip starts after the end of the file.
    """
    frame_rate, length = rate or fps, num_frames / fps
    start_s = min(start, length)
    end_s = max(start_s + 1, min(end, length))
    first = int(np.round(start_s * frame_rate))
    if first > num_frames:
        raise DataError(
            f"at {frame_rate:g} Hz the clip {start:g}-{end:g} s starts at frame {first}; "
            f"the file has {num_frames} frames, at {fps:g} Hz"
        )
    last = min(first + max(int((end_s - start_s) * frame_rate), count), num_frames)
    edges = _compute_segment_edges(first, last, count)
    left = np.minimum(edges[:-1], last - 1)
    right = np.minimum(edges[1:], last)
    return np.asarray(np.clip(_pick_frames(left, right, rng), 0, num_frames - 1))


def every_frame(
    fps: float,
    num_frames: int,
    start: float,
    end: float,
    count: int,
    *,
    rng: np.random.Generator | None = None,
) -> Indices:
    """Return every frame that begins in a clip, whatever ``count`` is; at least one.

    For data sets of whole videos whose frames are scored one by one, as AE2's are.

    With ``rng``, as AE2 trains (zihuixue/AlignEgoExo, commit e73d055, datasets): ``count``
    different frames in their order, never the first one of the clip. A clip that has too few gives
    all of its frames in order, and its last one again.

    >>> every_frame(fps=4.0, num_frames=20, start=1.0, end=2.5, count=8).tolist()
    [4, 5, 6, 7, 8, 9]
    """
    first, last = (
        min(max(math.ceil(seconds * fps - ROUNDING), 0), num_frames) for seconds in (start, end)
    )
    first = min(first, num_frames - 1)
    frames = np.arange(first, max(last, first + 1))
    if rng is None:
        return frames
    if len(frames) <= count:
        return frames[np.minimum(np.arange(count), len(frames) - 1)]
    return np.sort(rng.choice(frames[1:], count, replace=False))


def lavila(
    fps: float,
    num_frames: int,
    start: float,
    end: float,
    count: int,
    *,
    rate: float | None = None,
    rng: np.random.Generator | None = None,
) -> Indices:
    """Return LaViLa's segment centers in a video that is one file.

    facebookresearch/LaViLa, lavila/data/datasets.py, chunk length -1: the end is clamped to the
    file, the start is not, and a clip can have any length. Options as in
    :func:`segment_centers`.

    Raises:
        DataError: the clip is empty, or an index is outside the file (the reference fails as well).
    """
    frame_rate, end_s = rate or fps, min(end, num_frames / fps)
    if end_s <= start:
        raise DataError(
            f"the clip {start:g}-{end:g} s is empty or after the file, {num_frames / fps:g} s long"
        )
    first = int(np.round(start * frame_rate))
    last = min(first + max(int((end_s - start) * frame_rate), count), num_frames)
    indices = _compute_segment_centers(first, last, count, rng)
    if indices.max() >= num_frames:
        raise DataError(
            f"at {frame_rate:g} Hz the clip {start:g}-{end:g} s needs frame {indices.max()}; "
            f"the file has {num_frames} frames"
        )
    return indices


def lavila_chunked(
    num_frames: Sequence[int],
    start: float,
    end: float,
    count: int,
    seconds: int,
    *,
    rate: float = 30.0,
) -> list[tuple[int, Indices]]:
    """Return LaViLa's segment centers in a video that is split into files of equal length.

    facebookresearch/LaViLa, lavila/data/datasets.py, with its chunk length, on the layout of
    Ego4D. Indices after the end of the first file are taken from the next one, modulo the length of
    the first. If there is no next file, all segments are between the start of the clip and the end
    of the file.

    Args:
        num_frames: number of frames in each file, in order.
        start: start of the clip, s of the video.
        end: end of the clip, s of the video.
        count: number of indices.
        seconds: length of a file, s.
        rate: frame rate, Hz.

    Returns:
        The first second of one or two files and the indices in each, one of which may be empty.

    Raises:
        DataError: no file contains the start of the clip.
    """
    chunk = int(start) // seconds
    if chunk >= len(num_frames):
        raise DataError(
            f"the clip {start:g}-{end:g} s starts after {len(num_frames)} files of {seconds} s"
        )
    chunk_frames = num_frames[chunk]
    first = int(np.round((start - chunk * seconds) * rate))
    indices = _compute_segment_centers(first, first + max(int((end - start) * rate), count), count)
    if indices.max() < chunk_frames:
        return [(chunk * seconds, indices)]
    if chunk + 1 == len(num_frames):
        centers = _compute_segment_centers(min(first, chunk_frames - 1), chunk_frames, count)
        return [(chunk * seconds, centers)]
    rest = np.minimum(indices[indices >= chunk_frames] % chunk_frames, num_frames[chunk + 1] - 1)
    return [(chunk * seconds, indices[indices < chunk_frames]), ((chunk + 1) * seconds, rest)]


def _compute_segment_centers(
    first: int, last: int, count: int, rng: np.random.Generator | None = None
) -> Indices:
    edges = _compute_segment_edges(first, last, count)
    right = np.minimum(edges[1:], last if rng is None else last - 1)
    return _pick_frames(edges[:-1], right, rng)


def _pick_frames(left: Indices, right: Indices, rng: np.random.Generator | None) -> Indices:
    """Return the center of each segment, or a random frame of it."""
    if rng is None:
        return np.asarray((left + right) // 2)
    return rng.integers(np.minimum(left, right), right, endpoint=True)


def _compute_segment_edges(first: int, last: int, count: int) -> Indices:
    return np.round((last - first - 1) / count * np.arange(count + 1)).astype(np.int64) + first
