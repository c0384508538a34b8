"""Index the frames of a video track from its packet headers, without decoding."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.media_info import read_stream_duration
from egoexobench.errors import MediaError

END_TOLERANCE_S = 0.1
"""A clip may end this much after its file, s. A video track may also end this much before its
header says, and start this much after the file and still count as starting with it."""
CACHE_SIZE = 4096
"""Number of files whose index stays in memory."""


@dataclass(frozen=True, slots=True)
class KeyframeGroup:
    """Frames, by presentation time, that are decoded from one keyframe."""

    seek: int
    """Decoding time of the keyframe; containers seek by it."""
    key: int
    """Presentation time of the keyframe."""
    times: Sequence[int]


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """The frames of a video track; times are in ticks of ``tick`` s."""

    times: NDArray[np.int64]
    """Presentation time of each frame that is shown, ascending."""
    keyframe_times: NDArray[np.int64]
    """Presentation times of the keyframes, ascending."""
    seek_times: NDArray[np.int64]
    """Decoding times of the keyframes, in the same order."""
    tick: float
    fps: float

    def group_by_keyframe(self, indices: NDArray[np.int64]) -> list[KeyframeGroup]:
        """Group frames by the last keyframe before each of them."""
        times = self.times[indices]
        nearest = np.maximum(np.searchsorted(self.keyframe_times, times, "right") - 1, 0)
        return [self._group(key, times[nearest == key]) for key in np.unique(nearest)]

    def from_start(self, indices: NDArray[np.int64]) -> list[KeyframeGroup]:
        """Return the same frames as one group that starts at the first keyframe."""
        return [self._group(0, self.times[indices])]

    def _group(self, key: int, times: NDArray[np.int64]) -> KeyframeGroup:
        return KeyframeGroup(
            int(self.seek_times[key]), int(self.keyframe_times[key]), times.tolist()
        )


_CACHE: dict[tuple[str, int, int], FrameIndex] = {}


def read_frame_index(container: Any, stream: Any, path: str) -> FrameIndex:
    """Return the index of a video track; the packet headers of a file are read once.

    Raises:
        MediaError: if the track has no frames, or the file ends before its track does.
    """
    stat = os.stat(path)
    key = path, stat.st_size, stat.st_mtime_ns
    if key not in _CACHE:
        if len(_CACHE) >= CACHE_SIZE:
            _CACHE.clear()
        _CACHE[key] = _index_packets(container, stream, path)
    return _CACHE[key]


def clear_cache() -> None:
    """Drop every index that is in memory."""
    _CACHE.clear()


def _index_packets(container: Any, stream: Any, path: str) -> FrameIndex:
    packets = [packet for packet in container.demux(stream) if packet.pts is not None]
    # an edit list can hide frames that others refer to: they are decoded but never shown
    shown = [packet for packet in packets if not packet.is_discard]
    fps, tick = float(stream.average_rate or 0), float(stream.time_base)
    if not shown or fps <= 0:
        raise MediaError("no_video", f"{path} has a video track without frames")
    _check_complete(stream, shown, path)
    keyframes = [packet for packet in packets if packet.is_keyframe] or packets[:1]
    keys = np.array(sorted((p.pts, p.pts if p.dts is None else p.dts) for p in keyframes), np.int64)
    times = np.array(sorted(packet.pts for packet in shown), np.int64)
    return FrameIndex(
        times=times,
        keyframe_times=keys[:, 0].copy(),
        seek_times=keys[:, 1].copy(),
        tick=tick,
        fps=fps,
    )


def _check_complete(stream: Any, shown: Sequence[Any], path: str) -> None:
    """Raise if a track is shorter than its header says: the file was cut after the header."""
    expected, step = read_stream_duration(stream), 1 / float(stream.average_rate * stream.time_base)
    end = max(packet.pts + (packet.duration or step) for packet in shown)
    duration = float((end - min(packet.pts for packet in shown)) * stream.time_base)
    if expected is not None and duration < expected - END_TOLERANCE_S:
        raise MediaError(
            "truncated",
            f"{path} is truncated: its header says that the video lasts {expected:.2f} s, but it "
            f"ends after {duration:.2f} s",
        )
