"""Sample frames of a file with a rule, on the clock of the file, and check the result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.sampling import (
    SAMPLERS,
    UNCOUNTED_RULES,
    FrameSampling,
    Indices,
    Sampler,
    egoinstructor,
    intervals,
    segments,
)
from egoexobench.errors import DataError, MediaError

SPAN_RULES = {
    segments.segment_centers: 1.0,
    segments.lavila: 0.0,
    intervals.egovlp_start_end: 0.0,
    intervals.egovlp_clips: 0.0,
    intervals.egovlp_charades: 0.0,
    segments.every_frame: 0.0,
}
"""Rules of a clip's frames, and the length that each gives a clip at least, s. A rule that is not
here and not `TIME_RULES` samples the complete file, or sets a rate of its own."""
TIME_RULES = {egoinstructor.egoinstructor_frames}
"""Rules that read the frame that is on show at a second of the file."""
TIME_ROUNDING_S = 1e-3
"""Containers round times to it."""
TICKS_PER_SECOND = 1000
"""Rate of the film of a constant rate on which `TIME_RULES` are computed, Hz."""


@dataclass(frozen=True)
class FrameTimes:
    """When the frames of a file are shown.

    Args:
        path: the file, for error messages.
        times: time of each frame, s on the clock of clips, ascending.
        fps: nominal frame rate, Hz.
        start: time from which frames count for the nominal clock, s.
    """

    path: str
    times: NDArray[np.float64]
    fps: float
    start: float = 0.0

    @property
    def end(self) -> float:
        """Time at which the last frame ends, s."""
        return float(self.times[-1]) + 1 / self.fps

    @cached_property
    def is_constant(self) -> bool:
        """Whether every frame is less than half a frame away from where the nominal rate says."""
        expected = np.arange(len(self.times)) / self.fps
        return bool(np.abs(self.times - self.times[0] - expected).max() <= 0.5 / self.fps)


def sample_frames(
    sampling: str,
    file: FrameTimes,
    *,
    start: float,
    end: float,
    num_frames: int,
    rng: np.random.Generator | None = None,
) -> Indices:
    """Return the indices ``(num_frames,)`` of the frames that a rule samples; of `every`, all.

    Args:
        sampling: name of the rule, and its clock.
        file: when the frames of the file are shown.
        start: start of the clip, s.
        end: end of the clip, s.
        num_frames: number of frames to sample.
        rng: takes random frames of the segments of the rule, which must have segments
            (`has_jitter`); None takes those of evaluation.

    Raises:
        UsageError: if there is no such rule, or it samples stored features.
        MediaError: if the file has no frame in the clip, or the rule fails for this clip, returns
            too few frames, or a frame that the file does not have.
    """
    choice = FrameSampling.parse(sampling)
    rule = SAMPLERS[choice.rule]
    prefix = f"{file.path}: sampling {sampling!r}"
    try:
        is_nominal = choice.clock == "nominal" or (file.is_constant and file.start == 0)
        if not is_nominal:
            indices = _sample_by_time(
                rule, file, start=start, end=end, num_frames=num_frames, rng=rng
            )
        else:
            first, last = max(start - file.start, 0.0), end - file.start
            call = _add_rng(rule, rng)
            indices = call(file.fps, len(file.times), first, last, count=num_frames)
    except DataError as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError("not_sampled", f"{prefix}: {error}") from error
    # The frame before the first one. The releases' reader takes -1 for the last frame of the file,
    # which is not in the clip.
    indices = np.where(indices == -1, 0, indices)
    if len(indices) < num_frames and rule not in UNCOUNTED_RULES:
        raise MediaError(
            "not_sampled",
            f"{prefix} returns {len(indices)} frames for {start:g}-{end:g} s of "
            f"{len(file.times)} frames, but {num_frames} are needed",
        )
    invalid = indices[(indices < 0) | (indices >= len(file.times))]
    if invalid.size:
        raise MediaError(
            "not_sampled",
            f"{prefix} returns frame {invalid[0]}; the file has frames 0 to {len(file.times) - 1}",
        )
    return indices


def _add_rng(rule: Sampler, rng: np.random.Generator | None) -> Sampler:
    if rng is None:
        return rule
    jittered: Any = rule
    return partial(jittered, rng=rng)


def _sample_by_time(
    rule: Sampler,
    file: FrameTimes,
    *,
    start: float,
    end: float,
    num_frames: int,
    rng: np.random.Generator | None,
) -> Indices:
    """Apply a rule to the frames that are shown in the clip, whatever their rate."""
    call = _add_rng(rule, rng)
    num_file_frames = len(file.times)
    if rule in TIME_RULES:
        zero = float(file.times[0])
        num_ticks = round((file.end - zero) * TICKS_PER_SECOND)
        first, last = max(start - zero, 0.0), end - zero
        ticks = rule(float(TICKS_PER_SECOND), num_ticks, first, last, count=num_frames)
        return _find_frames_on_show(file, ticks / TICKS_PER_SECOND + zero)
    if rule not in SPAN_RULES:
        first, last = max(start - file.start, 0.0), end - file.start
        return call(file.fps, num_file_frames, first, last, count=num_frames)
    end_frame = max(count_frames_before(file, max(end, start + SPAN_RULES[rule])), 1)
    first_frame = min(count_frames_before(file, start), end_frame - 1)
    # one frame is one second here, so that seconds of the rule are positions of frames
    return call(1.0, end_frame, float(first_frame), float(end_frame), count=num_frames)


def count_frames_before(file: FrameTimes, time: float) -> int:
    """Return the number of frames that begin before a time, which is the first index after it."""
    return int(np.searchsorted(file.times, time - TIME_ROUNDING_S))


def check_frames_in_span(file: FrameTimes, start: float, end: float) -> None:
    """Raise if no frame of the file is on show between two times.

    Raises:
        MediaError: if the frames start after the span, end before it, or have a gap there.
    """
    span, step = f"the clip {start:g}-{end:g} s", 1 / file.fps
    if float(file.times[0]) >= end:
        raise MediaError(
            "late_video", f"the video of {file.path} starts at {file.times[0]:.2f} s, after {span}"
        )
    if start >= file.end - TIME_ROUNDING_S:
        raise MediaError(
            "no_frames", f"the video of {file.path} ends at {file.end:.2f} s, before {span}"
        )
    next_frame = count_frames_before(file, start)
    is_empty = next_frame > 0 and count_frames_before(file, end) == next_frame
    if is_empty and not file.is_constant and start - file.times[next_frame - 1] > step:
        raise MediaError(
            "no_frames",
            f"the video of {file.path} has no frame in {span}: the frame before it is shown from "
            f"{file.times[next_frame - 1]:.2f} s on",
        )


def _find_frames_on_show(file: FrameTimes, times: NDArray[np.float64]) -> Indices:
    last_before = np.searchsorted(file.times, times, "right") - 1
    return np.asarray(np.maximum(last_before, 0), np.int64)
