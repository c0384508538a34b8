"""When the packets of a file are shown: times that start again or are missing are derived."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

RESTART_S = 0.5
"""A track whose time falls back by more than this starts its clock again, s."""
LEAP_S = 10.0
"""A track whose time leaps forward by more than this has another clock from there on, s; FFmpeg
takes the same."""


@dataclass(frozen=True, slots=True)
class PacketTime:
    """One packet; times are in s of the file's own clock, without its restarts."""

    stream: int
    pts: float | None
    duration: float
    size: int
    pos: int | None
    """Byte of the file at which the packet lies."""
    is_keyframe: bool
    is_discard: bool


@dataclass(frozen=True, slots=True)
class PacketScan:
    """The packets of a file, in the order of the file."""

    packets: tuple[PacketTime, ...]
    is_joined: bool
    """Whether the clock of the file starts again somewhere."""


def scan_packets(container: Any, streams: Sequence[Any]) -> PacketScan:
    """Return the packets of some tracks on one clock.

    A file that several were joined to starts its clock again: what follows is moved to where the
    part before it ends, for all tracks alike.
    """
    packets = [packet for packet in container.demux(streams) if not is_end(packet)]
    offsets = _find_offsets(packets)
    items = [
        _describe_packet(packet, offset) for packet, offset in zip(packets, offsets, strict=True)
    ]
    return PacketScan(tuple(items), is_joined=len(set(offsets)) > 1)


def is_end(packet: Any) -> bool:
    """Return whether a packet only says that a track ends."""
    return packet.size == 0 and packet.pts is None


def _describe_packet(packet: Any, offset: float) -> PacketTime:
    base = float(packet.time_base)
    return PacketTime(
        stream=packet.stream_index,
        pts=None if packet.pts is None else packet.pts * base + offset,
        duration=float(packet.duration or 0) * base,
        size=packet.size,
        pos=packet.pos,
        is_keyframe=packet.is_keyframe,
        is_discard=packet.is_discard,
    )


def _find_offsets(packets: Iterable[Any]) -> list[float]:
    """Return what to add to the time of each packet, s."""
    parts, part_of_stream, last = [_FilePart()], dict[int, int](), dict[int, float]()
    numbers: list[int] = []
    for packet in packets:
        stream, time = packet.stream_index, _read_decoding_time(packet)
        number = part_of_stream.setdefault(stream, len(parts) - 1)
        if time is not None:
            if stream in last and not -RESTART_S <= time - last[stream] <= LEAP_S:
                if number == len(parts) - 1:
                    parts.append(_FilePart())
                number = part_of_stream[stream] = len(parts) - 1
            last[stream] = time
            parts[number].extend(packet)
        numbers.append(number)
    offsets = [0.0]
    for before, after in itertools.pairwise(parts):
        offsets.append(offsets[-1] + before.end - after.start)
    return [offsets[number] for number in numbers]


def _read_decoding_time(packet: Any) -> float | None:
    ticks = packet.pts if packet.dts is None else packet.dts
    return None if ticks is None else float(ticks * packet.time_base)


class _FilePart:
    """The span of one of the files that were joined."""

    def __init__(self) -> None:
        self.start, self.end = float("inf"), float("-inf")

    def extend(self, packet: Any) -> None:
        if packet.pts is not None:
            time = float(packet.pts * packet.time_base)
            self.start = min(self.start, time)
            self.end = max(self.end, time + float((packet.duration or 0) * packet.time_base))
