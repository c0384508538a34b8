"""Times of a clip, relative to the start of its file."""

from __future__ import annotations

from typing import Any

from egoexobench.data.frame_index import END_TOLERANCE_S, FrameIndex
from egoexobench.errors import MediaError
from egoexobench.types import Clip

MICROSECONDS = 1_000_000
"""Ticks per second of the times of a container."""


def read_container_duration(container: Any) -> float | None:
    """Return the duration that a file states, s; None if it states none."""
    return None if container.duration is None else float(container.duration / MICROSECONDS)


def find_start_offset(container: Any) -> float:
    """Return the time at which a file starts, s; a broadcast stream can start at any time."""
    return max((container.start_time or 0) / MICROSECONDS, 0.0)


def find_clip_end(container: Any, clip: Clip) -> float:
    """Return the end of a clip, s after the start of its file.

    Raises:
        MediaError: if the clip is not inside the file, or the file does not state its duration.
    """
    duration = read_container_duration(container)
    if duration is None:
        raise MediaError(
            "truncated", f"{clip.media} does not state its duration; is it a complete media file?"
        )
    end = duration if clip.end is None else clip.end
    if clip.start >= duration or end > duration + END_TOLERANCE_S:
        raise MediaError(
            "beyond_end",
            f"the clip {clip.start:g}-{end:g} s ends after {clip.media}, "
            f"which is {duration:.2f} s long",
        )
    return min(end, duration)


def find_video_delay(container: Any, index: FrameIndex, clip: Clip, end: float) -> float:
    """Return how long after the file its video starts, s; up to `END_TOLERANCE_S` count as 0.

    Raises:
        MediaError: if the video starts after ``end``, the end of the clip.
    """
    delay = float(index.times[0] * index.tick) - find_start_offset(container)
    if delay >= end:
        raise MediaError(
            "late_video",
            f"the video of {clip.media} starts at {delay:.2f} s, after the clip "
            f"{clip.start:g}-{end:g} s",
        )
    return delay if delay > END_TOLERANCE_S else 0.0
