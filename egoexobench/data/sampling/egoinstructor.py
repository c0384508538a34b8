"""EgoInstructor's samplers: the indices are of stored features, one per second, not of frames."""

from __future__ import annotations

import numpy as np

from egoexobench.data.sampling.segments import Indices
from egoexobench.errors import DataError

EXO_MARGIN_S = 5.0
"""Seconds by which a short exo clip is extended on each side in training: half of its 10 s."""
FRAMES_PER_FEATURE = 8
"""Frames of one second from which a feature is computed."""


def egoinstructor_mcq(fps: float, num_frames: int, start: float, end: float, count: int) -> Indices:
    """Return the feature indices of a clip in EgoInstructor's 20-way and EgoMCQ evaluations.

    Jazzcharles/Egoinstructor, commit 8492ba0, retrieval/data: segment centers as
    in EgoExoLearn, of features instead of frames; the size of the segments depends on the clip,
    and only their edges are clamped to the video.

    Args:
        fps: features per second; 1 in the reference.
        num_frames: number of features of the video.
        start: start of the clip, s.
        end: end of the clip, s.
        count: number of indices.
    """
    edges = _compute_segment_edges(start * fps, end * fps, count)
    left, right = np.minimum(edges[:-1], num_frames - 1), np.minimum(edges[1:], num_frames)
    return np.asarray((left + right) // 2)


def egoinstructor_frames(
    fps: float, num_frames: int, start: float, end: float, count: int
) -> Indices:
    """Return the frames from which EgoInstructor's features of a clip are computed, 8 for each.

    The seconds are those of :func:`egoinstructor_mcq`, for a video of whole seconds, at least one.
    The frames of a second are those that ffmpeg's filter ``fps=8`` selects: the last that is nearer
    to a step of 1/8 s than to the next (retrieval/feature_extraction/main_feature_extraction.py).

    Raises:
        DataError: ``count`` is not a multiple of 8.
    """
    if count % FRAMES_PER_FEATURE:
        raise DataError(
            f"the number of frames must be a multiple of {FRAMES_PER_FEATURE}, got {count}"
        )
    num_seconds = max(int(num_frames / fps), 1)
    features = egoinstructor_mcq(1.0, num_seconds, start, end, count=count // FRAMES_PER_FEATURE)
    steps = FRAMES_PER_FEATURE * features[:, None] + np.arange(FRAMES_PER_FEATURE)
    indices = np.ceil((steps.flatten() + 0.5) / FRAMES_PER_FEATURE * fps) - 1
    return np.asarray(np.clip(indices, 0, num_frames - 1), np.int64)


def egoinstructor_charades(
    fps: float, num_frames: int, start: float, end: float, count: int
) -> Indices:
    """Return the feature indices of a clip in EgoInstructor's CharadesEgo evaluation.

    As :func:`egoinstructor_mcq`.

    Raises:
        DataError: the clip ends before it starts (an assertion in the reference).
    """
    if end < start:
        raise DataError(f"the clip {start:g}-{end:g} s ends before it starts")
    return egoinstructor_mcq(fps, num_frames, start, end, count=count)


def egoinstructor_ego(fps: float, num_frames: int, start: float, end: float, count: int) -> Indices:
    """Return the feature indices of an ego clip in EgoInstructor's training set, without jitter.

    Jazzcharles/Egoinstructor, commit 8492ba0, retrieval/data/egohowto_feat_dataset.py: a clip is
    at least one second long.

    Raises:
        DataError: an index is outside the video (an IndexError in the reference).
    """
    first = start * fps
    return _find_indices_in_video(first, max(end * fps, first + 1), num_frames, count)


def egoinstructor_exo(fps: float, num_frames: int, start: float, end: float, count: int) -> Indices:
    """Return the feature indices of an exo clip in EgoInstructor's training set, without jitter.

    As :func:`egoinstructor_ego`, but a clip of up to one second is extended by 5 s on each
    side, within the video. As in the reference the comparison is in floating point: a clip of one
    second that starts at 7.3 s is longer than one second.

    Raises:
        DataError: an index is outside the video (an IndexError in the reference).
    """
    first = start * fps
    last = max(end * fps, first + 1)
    if last - first <= 1:
        first, last = max(0, first - EXO_MARGIN_S), min(last + EXO_MARGIN_S, num_frames)
    return _find_indices_in_video(first, last, num_frames, count)


def _find_indices_in_video(first: float, last: float, num_frames: int, count: int) -> Indices:
    edges = np.minimum(_compute_segment_edges(first, last, count), num_frames)
    indices = np.asarray((edges[:-1] + np.maximum(edges[:-1], edges[1:])) // 2)
    if indices.max() >= num_frames:
        raise DataError(
            f"the clip {first:g}-{last:g} s needs feature {indices.max()}; "
            f"the video has {num_frames} features"
        )
    return indices


def _compute_segment_edges(first: float, last: float, count: int) -> Indices:
    edges = np.round((last - first - 1) / count * np.arange(count + 1)) + first
    return edges.astype(np.int64)
