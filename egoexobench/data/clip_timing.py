"""The clock of a file, which its frames, its sound and its clips share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from egoexobench.data.media_files import read_media_state
from egoexobench.data.media_source import MediaState
from egoexobench.data.open_media import open_media
from egoexobench.data.packet_times import PacketScan, PacketTime, scan_packets
from egoexobench.errors import DataError, MediaError
from egoexobench.types import Clip

MICROSECONDS = 1_000_000
"""Ticks per second of the times of a container."""
END_TOLERANCE_S = 0.1
"""A clip may end this much after its file, s. A video track may also end this much before its
header says, and start this much before or after the file and still count as starting with it."""
CACHE_SIZE = 4096
"""Number of files whose clock stays in memory."""
_RESTARTING_FORMATS = {"mpegts", "mpeg"}
"""Formats in which joined files keep the clock of each."""


@dataclass(frozen=True, slots=True)
class MediaClock:
    """The clock of a file: its second 0 is the first frame that is shown."""

    origin: float
    """Time in the file's own numbers at which the clock of clips starts, s."""
    duration: float
    """Time at which the file ends, s."""
    lead: float = 0.0
    """How long before second 0 the file starts, s; a player shows a length that counts it."""
    joined_packets: tuple[PacketTime, ...] | None = None
    """All packets in order, if the file was joined of several and its own times start again."""


_CACHE: dict[tuple[str, MediaState], MediaClock] = {}


def get_cached_clock(path: str) -> MediaClock | None:
    """Return the clock of a file if it is in memory and the file is still the same."""
    try:
        return _CACHE.get((path, read_media_state(path)))
    except (OSError, ValueError, DataError):  # who opens the file says why
        return None


def read_clock(container: Any, path: str, *, video: Any | None, audio: Any | None) -> MediaClock:
    """Return the clock of an open file; it does not depend on what of the file is decoded.

    Raises:
        MediaError: if the file has no packets and does not state its duration.
    """
    clock = get_cached_clock(path)
    if clock is None:
        if len(_CACHE) >= CACHE_SIZE:
            _CACHE.clear()
        clock = _CACHE[path, read_media_state(path)] = _read_clock(
            container, path, video=video, audio=audio
        )
    return clock


def find_clip_end(clock: MediaClock, clip: Clip) -> float:
    """Return the end of a clip, s after the start of its file.

    Raises:
        MediaError: if the clip is not inside the file.
    """
    end = clock.duration if clip.end is None else clip.end
    latest = clock.duration + max(clock.lead, 0.0) + END_TOLERANCE_S
    if clip.start >= clock.duration or end > latest:
        raise MediaError(
            "beyond_end",
            f"the clip {clip.start:g}-{end:g} s ends after {clip.media}, "
            f"which is {clock.duration:.2f} s long",
        )
    return min(end, clock.duration)


def _read_clock(container: Any, path: str, *, video: Any | None, audio: Any | None) -> MediaClock:
    is_stated = container.duration is not None and container.start_time is not None
    if is_stated and container.format.name not in _RESTARTING_FORMATS:
        start = container.start_time / MICROSECONDS
        first_frame = None if video is None else _read_start(video)
        origin = _choose_origin(start, first_frame)
        end = start + container.duration / MICROSECONDS
        return MediaClock(origin, end - origin, origin - start)
    indices = [stream.index for stream in (video, audio) if stream is not None]
    with open_media(path) as fresh:  # reading all packets leaves a file at its end
        streams = [fresh.streams[index] for index in indices]
        scan = scan_packets(fresh, streams) if streams else PacketScan((), is_joined=False)
    return _derive_clock(scan, path, video)


def _derive_clock(scan: PacketScan, path: str, video: Any | None) -> MediaClock:
    spans = [
        (packet.pts, packet.pts + packet.duration, packet.stream)
        for packet in scan.packets
        if packet.pts is not None and not packet.is_discard
    ]
    if not spans:
        raise MediaError(
            "truncated", f"{path} does not state its duration; is it a complete media file?"
        )
    frame_starts = [start for start, _, stream in spans if video and stream == video.index]
    start, end = min(start for start, _, _ in spans), max(end for _, end, _ in spans)
    origin = _choose_origin(start, min(frame_starts, default=None))
    packets = scan.packets if scan.is_joined else None
    return MediaClock(origin, end - origin, origin - start, joined_packets=packets)


def _choose_origin(start: float, first_frame: float | None) -> float:
    """Return the first frame's time, unless the file starts clearly before its video."""
    is_near = first_frame is not None and abs(first_frame - start) <= END_TOLERANCE_S
    return first_frame if first_frame is not None and is_near else start


def _read_start(stream: Any) -> float | None:
    return None if stream.start_time is None else float(stream.start_time * stream.time_base)
