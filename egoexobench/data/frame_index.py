"""Where the frames of a video track are, from its packet headers alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.media_info import stream_duration
from egoexobench.errors import MediaError

END_TOLERANCE_S = 0.1
"""How far a span may reach beyond the end of its file before it is an error, s. Pictures may end
that much before their track says, and start that late and count as starting with the file."""
CACHE_SIZE = 4096
"""Files whose packets are remembered."""


@dataclass(frozen=True, slots=True)
class KeyframeGroup:
    """Frames, by presentation time, that are decoded from one keyframe."""

    seek: int
    """Decoding time of the keyframe, by which containers seek."""
    key: int
    """Presentation time of the keyframe."""
    times: Sequence[int]


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """A video track; times in ticks of ``tick`` s."""

    times: NDArray[np.int64]
    """Presentation time of each frame that is shown, ascending."""
    keyframe_times: NDArray[np.int64]
    """Presentation times of the frames at which decoding can start, ascending."""
    seek_times: NDArray[np.int64]
    """Decoding times of the same."""
    tick: float
    fps: float

    def group_by_keyframe(self, chosen: NDArray[np.int64]) -> list[KeyframeGroup]:
        """Frames, given by index, with the keyframe that is nearest before each."""
        times = self.times[chosen]
        nearest = np.maximum(np.searchsorted(self.keyframe_times, times, "right") - 1, 0)
        return [self._group(key, times[nearest == key]) for key in np.unique(nearest)]

    def from_start(self, chosen: NDArray[np.int64]) -> list[KeyframeGroup]:
        """The same frames, all from the first keyframe."""
        return [self._group(0, self.times[chosen])]

    def _group(self, key: int, times: NDArray[np.int64]) -> KeyframeGroup:
        return KeyframeGroup(
            int(self.seek_times[key]), int(self.keyframe_times[key]), times.tolist()
        )


_KNOWN: dict[tuple[str, int, int], FrameIndex] = {}


def read_frame_index(container: Any, stream: Any, path: str) -> FrameIndex:
    """Read the packet headers of a video track, once a file.

    Raises:
        MediaError: if there are none, or the file ends before its track does.
    """
    stat = os.stat(path)
    key = path, stat.st_size, stat.st_mtime_ns
    if key not in _KNOWN:
        if len(_KNOWN) >= CACHE_SIZE:
            _KNOWN.clear()
        _KNOWN[key] = _read(container, stream, path)
    return _KNOWN[key]


def clear_cache() -> None:
    """Forget the packets of every file, as a new process would."""
    _KNOWN.clear()


def _read(container: Any, stream: Any, path: str) -> FrameIndex:
    every = [packet for packet in container.demux(stream) if packet.pts is not None]
    # an edit list can hide frames that others need: they are decoded and never shown
    shown = [packet for packet in every if not packet.is_discard]
    fps, tick = float(stream.average_rate or 0), float(stream.time_base)
    if not shown or fps <= 0:
        raise MediaError("no_video", f"{path} has a video track without frames")
    _check_whole(stream, shown, path)
    starts = [packet for packet in every if packet.is_keyframe] or every[:1]
    keys = np.array(sorted((p.pts, p.pts if p.dts is None else p.dts) for p in starts), np.int64)
    times = np.array(sorted(packet.pts for packet in shown), np.int64)
    return FrameIndex(times, keys[:, 0].copy(), keys[:, 1].copy(), tick, fps)


def _check_whole(stream: Any, shown: Sequence[Any], path: str) -> None:
    """A file that was cut after its header was written still says how long it was."""
    said, step = stream_duration(stream), 1 / float(stream.average_rate * stream.time_base)
    ends = max(packet.pts + (packet.duration or step) for packet in shown)
    found = float((ends - min(packet.pts for packet in shown)) * stream.time_base)
    if said is not None and found < said - END_TOLERANCE_S:
        raise MediaError(
            "truncated",
            f"{path} is cut short: it says that its pictures last {said:.2f} s, and they end "
            f"after {found:.2f} s",
        )
