"""Index the frames of a video track from its packet headers.

The index of a frame is its position in presentation order. In an orderly file the presentation
times of the packets say it. If times are missing, or are those of decoding, the decoder's output
says it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.clip_timing import END_TOLERANCE_S, MediaClock
from egoexobench.data.media_files import read_media_state
from egoexobench.data.media_info import read_stream_duration
from egoexobench.data.media_source import MediaState
from egoexobench.data.packet_reader import PacketPlaces
from egoexobench.data.packet_times import read_packet_headers
from egoexobench.data.sampling.sample import FrameTimes
from egoexobench.errors import MediaError

CACHE_SIZE = 4096
"""Number of files whose index stays in memory."""
NUM_ORDER_PACKETS = 120
"""Packets that are decoded to see whether a file's times are in the order of decoding."""
DEFAULT_RATE = 25.0
"""Rate of frames of which neither a rate nor a time is stated, Hz."""
_FORMATS_WITHOUT_PRESENTATION_TIMES = {"avi", "h264", "hevc", "m4v", "mpegvideo", "vc1"}

_FORMATS_WITH_FEW_TIMES = {"mpeg"}
"""Formats that give only some packets a time: after a seek the others get a wrong one."""


@dataclass(frozen=True, slots=True)
class KeyframeGroup:
    """Frames, by the name of their packet, that are decoded from one keyframe."""

    seek: int
    """Decoding time of the keyframe; containers seek by it."""
    key: int
    """Name of the keyframe's packet."""
    sources: Sequence[int]


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """The frames of a video track.

    A packet is named by its presentation time in ticks, or by its position in the file if
    ``is_sequential``: then the times of packets do not name them, and one cannot seek.
    """

    times: FrameTimes
    """Time of each frame that is shown, on the clock of clips."""
    sources: NDArray[np.int64]
    """Name of the packet of each frame that is shown."""
    keyframes: NDArray[np.int64]
    """Names of the packets that are keyframes, ascending."""
    seek_times: NDArray[np.int64]
    """Decoding times of the keyframes, in the same order."""
    is_sequential: bool = False
    places: PacketPlaces | None = None
    """Where in the file the packets lie; only if ``is_sequential``."""

    def group_by_keyframe(self, indices: NDArray[np.int64]) -> list[KeyframeGroup]:
        """Group frames by the last keyframe before each of them."""
        sources = np.unique(self.sources[indices])
        nearest = np.maximum(np.searchsorted(self.keyframes, sources, "right") - 1, 0)
        return [self._group(key, sources[nearest == key]) for key in np.unique(nearest)]

    def from_start(self, indices: NDArray[np.int64]) -> list[KeyframeGroup]:
        """Return the same frames as one group that starts at the first keyframe."""
        return [self._group(0, np.unique(self.sources[indices]))]

    def _group(self, key: int, sources: NDArray[np.int64]) -> KeyframeGroup:
        return KeyframeGroup(int(self.seek_times[key]), int(self.keyframes[key]), sources.tolist())


OutputOrder = Callable[[int | None], list[int]]
"""Returns the positions of packets in the order in which their frames leave the decoder; of the
first packets, or of all for None."""

_HEADER_TOLERANCES_S = {"asf": 1.0}
"""How much shorter a track may be than its header says, s: ASF states the length of the longest
track, and some writers add the time of their buffer."""

_CACHE: dict[tuple[str, MediaState], FrameIndex] = {}


def read_frame_index(
    container: Any, stream: Any, path: str, *, clock: MediaClock, decode_order: OutputOrder
) -> FrameIndex:
    """Return the index of a video track; the packet headers of a file are read once.

    Raises:
        MediaError: if the track has no frames, or the file ends before its track does.
    """
    key = path, read_media_state(path)
    if key not in _CACHE:
        if len(_CACHE) >= CACHE_SIZE:
            _CACHE.clear()
        packets = read_packet_headers(container, [stream])
        shown = [packet for packet in packets if not packet.is_discard]
        if not shown:
            raise MediaError("no_video", f"{path} has a video track without frames")
        track = _VideoTrack(path, stream, packets, clock)
        order = _find_order(container, track, decode_order)
        if order is None:
            _check_complete(track, shown)
        _CACHE[key] = _index_by_time(track) if order is None else _index_by_position(track, order)
    return _CACHE[key]


def clear_cache() -> None:
    """Drop every index that is in memory."""
    _CACHE.clear()


@dataclass(frozen=True, slots=True)
class _VideoTrack:
    path: str
    stream: Any
    packets: Sequence[Any]
    """Of the type `PacketHeader`; whether all have a time is asked before it is read."""
    clock: MediaClock

    @property
    def has_decoding_times(self) -> bool:
        """Whether the file states when a packet is decoded and not when it is shown."""
        return self.stream.container.format.name in _FORMATS_WITHOUT_PRESENTATION_TIMES

    def is_timed(self) -> bool:
        """Return whether every packet has a time of its own."""
        names = [packet.pts for packet in self.packets]
        if self.clock.joined_packets is not None:
            return None not in self.list_seconds()
        return None not in names and len(set(names)) == len(names)

    def list_seconds(self) -> list[float | None]:
        """Return the time of each packet in the file's own numbers."""
        if self.clock.joined_packets is not None:
            return [p.pts for p in self.clock.joined_packets if p.stream == self.stream.index]
        ticks = [p.dts if self.has_decoding_times else p.pts for p in self.packets]
        return [None if tick is None else tick * self.tick for tick in ticks]

    @property
    def tick(self) -> float:
        return float(self.stream.time_base)

    @property
    def fps(self) -> float:
        """Frame rate that the header states, Hz; 0 if it states none."""
        return float(self.stream.average_rate or 0)

    def make_times(self, first: float, times: NDArray[np.float64]) -> FrameTimes:
        """Return when frames are shown; a video that starts with its file starts at 0.

        Args:
            first: time of the first frame in the file's own numbers, s.
            times: times after the first frame, s.
        """
        delay = first - self.clock.origin
        start = delay if delay > END_TOLERANCE_S else 0.0
        fps = self.fps or self._measure_rate(float(times[-1]), len(times))
        return FrameTimes(self.path, times + start, fps, start)

    def _measure_rate(self, seconds: float, num_frames: int) -> float:
        """Return the mean rate, for a file whose header states none."""
        return (num_frames - 1) / seconds if seconds > 0 else 1.0


def _find_order(
    container: Any, track: _VideoTrack, decode_order: OutputOrder
) -> Sequence[int] | None:
    """Return the positions of packets in presentation order; None if their times name them."""
    if not track.is_timed() or _is_misordered(track, decode_order):
        return decode_order(None)
    name = container.format.name
    if track.clock.joined_packets is not None or name in _FORMATS_WITH_FEW_TIMES:
        return _sort_by_time(track.list_seconds())
    return None


def _is_misordered(track: _VideoTrack, decode_order: OutputOrder) -> bool:
    """Return whether frames leave the decoder in another order than their times say."""
    times = [packet.pts for packet in track.packets]
    if not track.stream.codec_context.has_b_frames or times != sorted(times):
        return False
    order = decode_order(None if track.has_decoding_times else NUM_ORDER_PACKETS)
    return order != sorted(order)


def _index_by_time(track: _VideoTrack) -> FrameIndex:
    keyframes = [packet for packet in track.packets if packet.is_keyframe] or track.packets[:1]
    keys = np.array(sorted((p.pts, p.pts if p.dts is None else p.dts) for p in keyframes), np.int64)
    # an edit list can hide frames that others refer to: they are decoded but never shown
    shown = [packet for packet in track.packets if not packet.is_discard]
    ticks = np.array(sorted(packet.pts for packet in shown), np.int64)
    sources = ticks
    if any(packet.size == 0 for packet in shown):  # an empty packet repeats the frame before it
        filled = np.array([packet.pts for packet in track.packets if packet.size], np.int64)
        sources = filled[np.maximum(np.searchsorted(filled, ticks, "right") - 1, 0)]
    stated = np.array(sorted(packet.dts for packet in shown if packet.dts is not None), np.int64)
    clock_ticks = stated if track.has_decoding_times and len(stated) == len(ticks) else ticks
    first = clock_ticks[0]
    return FrameIndex(
        times=track.make_times(first * track.tick, (clock_ticks - first) * track.tick),
        sources=sources,
        keyframes=keys[:, 0].copy(),
        seek_times=keys[:, 1].copy(),
    )


def _index_by_position(track: _VideoTrack, order: Sequence[int]) -> FrameIndex:
    packets, seconds = track.packets, track.list_seconds()
    shown = [position for position in order if not packets[position].is_discard]
    if not shown:
        raise MediaError("no_video", f"{track.path} has a video track of which nothing decodes")
    filled = np.array([i for i, packet in enumerate(packets) if packet.size] or [0], np.int64)
    sources = filled[np.maximum(np.searchsorted(filled, shown, "right") - 1, 0)]
    keyframes = [i for i, packet in enumerate(packets) if packet.is_keyframe] or [0]
    times = _fill_times([seconds[position] for position in shown], track.fps or DEFAULT_RATE)
    return FrameIndex(
        times=track.make_times(float(times[0]), times - times[0]),
        sources=sources,
        keyframes=np.array(keyframes, np.int64),
        seek_times=np.zeros(len(keyframes), np.int64),
        is_sequential=True,
        places=PacketPlaces.from_packets(packets),
    )


def _sort_by_time(seconds: Sequence[float | None]) -> list[int]:
    return sorted(range(len(seconds)), key=lambda position: seconds[position] or 0.0)


def _fill_times(seconds: Sequence[float | None], fps: float) -> NDArray[np.float64]:
    """Return ascending times of frames; a missing one follows from its neighbors."""
    positions = np.array([i for i, time in enumerate(seconds) if time is not None])
    times = np.array(sorted(time for time in seconds if time is not None))
    every = np.arange(len(seconds), dtype=np.float64)
    if not positions.size:
        return every / fps
    filled = np.asarray(np.interp(every, positions, times), np.float64)
    filled -= np.maximum(positions[0] - every, 0) / fps
    filled += np.maximum(every - positions[-1], 0) / fps
    return filled


def _check_complete(track: _VideoTrack, shown: Sequence[Any]) -> None:
    """Raise if a track is shorter than its header says: the file was cut after the header."""
    expected = read_stream_duration(track.stream)
    times = np.array(sorted(packet.pts for packet in shown)) * track.tick
    # the last frame can be shown as long as any other one
    steps = [float(packet.duration) * track.tick for packet in shown[-1:] if packet.duration]
    longest = max([*steps, *np.diff(times).tolist(), 1 / track.fps if track.fps else 0.0])
    duration = float(times[-1] - times[0]) + longest
    tolerance = _HEADER_TOLERANCES_S.get(track.stream.container.format.name, END_TOLERANCE_S)
    if expected is not None and duration < expected - tolerance:
        raise MediaError(
            "truncated",
            f"{track.path} is truncated: its header says that the video lasts {expected:.2f} s, "
            f"but it ends after {duration:.2f} s",
        )
