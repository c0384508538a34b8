"""EgoInstructor's samplers: of stored features, one a second, instead of frames."""

from __future__ import annotations

import numpy as np

from egoexobench.data.sampling.segments import Indices
from egoexobench.errors import DataError

EXO_MARGIN_S = 5.0
"""What a short exo clip is widened by on either side in training, s: half of its 10."""
FRAMES_PER_FEATURE = 8
"""Frames of a second that a feature is made of."""


def egoinstructor_mcq(fps: float, frames: int, start: float, end: float, count: int) -> Indices:
    """Return the features of a clip in EgoInstructor's 20-way and EgoMCQ evaluations.

    Jazzcharles/Egoinstructor, commit 8492ba0, retrieval/data: segment centres as
    in EgoExoLearn, of features instead of frames; the segments' size is that of the span, and
    only their edges are clamped to the video.

    Args:
        fps: features a second; 1 in the reference.
        frames: features of the video.
        start: start of the span, s.
        end: end of the span, s.
        count: how many indices.
    """
    edges = _edges(start * fps, end * fps, count)
    left, right = np.minimum(edges[:-1], frames - 1), np.minimum(edges[1:], frames)
    return np.asarray((left + right) // 2)


def egoinstructor_frames(fps: float, frames: int, start: float, end: float, count: int) -> Indices:
    """Return the frames that EgoInstructor's features of a clip are made of, 8 for each.

    The seconds are those of :func:`egoinstructor_mcq`, of a video of whole seconds, at least one;
    the frames of a second are those that ffmpeg's filter ``fps=8`` keeps: the last that is nearer
    to a step of 1/8 s than to the next (retrieval/feature_extraction/main_feature_extraction.py).

    Raises:
        DataError: ``count`` is not a multiple of 8.
    """
    if count % FRAMES_PER_FEATURE:
        raise DataError(f"{count} frames are not {FRAMES_PER_FEATURE} for each of some seconds")
    whole = max(int(frames / fps), 1)
    chosen = egoinstructor_mcq(1.0, whole, start, end, count // FRAMES_PER_FEATURE)
    steps = FRAMES_PER_FEATURE * chosen[:, None] + np.arange(FRAMES_PER_FEATURE)
    found = np.ceil((steps.flatten() + 0.5) / FRAMES_PER_FEATURE * fps) - 1
    return np.asarray(np.clip(found, 0, frames - 1), np.int64)


def egoinstructor_charades(
    fps: float, frames: int, start: float, end: float, count: int
) -> Indices:
    """Return the features of a clip in EgoInstructor's CharadesEgo evaluation.

    As :func:`egoinstructor_mcq`.

    Raises:
        DataError: the span ends before it starts (an assertion in the reference).
    """
    if end < start:
        raise DataError(f"the span {start:g}-{end:g} s ends before it starts")
    return egoinstructor_mcq(fps, frames, start, end, count)


def egoinstructor_ego(fps: float, frames: int, start: float, end: float, count: int) -> Indices:
    """Return the features of an ego clip in EgoInstructor's training set, without jitter.

    Jazzcharles/Egoinstructor, commit 8492ba0, retrieval/data/egohowto_feat_dataset.py: a span is
    at least one second long.

    Raises:
        DataError: an index lies beyond the video (an IndexError in the reference).
    """
    first = start * fps
    return _inside(first, max(end * fps, first + 1), frames, count)


def egoinstructor_exo(fps: float, frames: int, start: float, end: float, count: int) -> Indices:
    """Return the features of an exo clip in EgoInstructor's training set, without jitter.

    As :func:`egoinstructor_ego`, but that a span of up to one second is widened by 5 s on
    either side, within the video. Floating point decides what one second is, as in the reference:
    7.3 s and one second more is longer than one second.

    Raises:
        DataError: an index lies beyond the video (an IndexError in the reference).
    """
    first = start * fps
    last = max(end * fps, first + 1)
    if last - first <= 1:
        first, last = max(0, first - EXO_MARGIN_S), min(last + EXO_MARGIN_S, frames)
    return _inside(first, last, frames, count)


def _inside(first: float, last: float, frames: int, count: int) -> Indices:
    edges = np.minimum(_edges(first, last, count), frames)
    found = np.asarray((edges[:-1] + np.maximum(edges[:-1], edges[1:])) // 2)
    if found.max() >= frames:
        raise DataError(
            f"the span {first:g}-{last:g} s needs feature {found.max()}; the video has {frames}"
        )
    return found


def _edges(first: float, last: float, count: int) -> Indices:
    edges = np.round((last - first - 1) / count * np.arange(count + 1)) + first
    return edges.astype(np.int64)
