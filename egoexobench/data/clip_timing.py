"""Where a clip lies in the time of its opened file."""

from __future__ import annotations

from typing import Any

from egoexobench.data.frame_index import END_TOLERANCE_S, FrameIndex
from egoexobench.errors import MediaError
from egoexobench.values import Clip

MICROSECONDS = 1_000_000
"""Ticks a second of what a container says of itself."""


def container_duration(container: Any) -> float | None:
    """Return how long a file says that it is, s."""
    return None if container.duration is None else float(container.duration / MICROSECONDS)


def start_offset(container: Any) -> float:
    """Return when a file begins, s: a broadcast stream counts from anywhere."""
    return max((container.start_time or 0) / MICROSECONDS, 0.0)


def clip_end(container: Any, clip: Clip) -> float:
    """Return where a clip ends, s after the beginning of its file.

    Raises:
        MediaError: the span is not in the file, or the file does not say how long it is.
    """
    seconds = container_duration(container)
    if seconds is None:
        raise MediaError(
            "truncated", f"{clip.media} does not say how long it is; is it a complete media file?"
        )
    last = seconds if clip.end is None else clip.end
    if clip.start >= seconds or last > seconds + END_TOLERANCE_S:
        raise MediaError(
            "beyond_end",
            f"the span {clip.start:g}-{last:g} s ends beyond {clip.media}, "
            f"which is {seconds:.2f} s long",
        )
    return min(last, seconds)


def video_delay(container: Any, track: FrameIndex, clip: Clip, last: float) -> float:
    """Return how long after the file its pictures begin, s; up to `SLACK` they begin with it.

    Raises:
        MediaError: they begin after the clip, which ends at ``last``.
    """
    seconds = float(track.times[0] * track.tick) - start_offset(container)
    if seconds >= last:
        raise MediaError(
            "late_video",
            f"the pictures of {clip.media} start at {seconds:.2f} s, after the span "
            f"{clip.start:g}-{last:g} s",
        )
    return seconds if seconds > END_TOLERANCE_S else 0.0
