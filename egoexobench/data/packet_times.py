"""When the packets of a file are shown: times that start again or are missing are derived."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

RESTART_S = 0.5
"""A track whose time falls back by more than this starts its clock again, s."""
LEAP_S = 10.0
"""A track whose time leaps forward by more than this has another clock from there on, s; FFmpeg
takes the same."""


class PacketHeader(NamedTuple):
    """A packet without its data, so that the packets of a long film fit into memory.

    Times are in ticks of its track.
    """

    stream: int
    pts: int | None
    dts: int | None
    duration: int
    size: int
    pos: int | None
    """Byte of the file at which the packet lies."""
    is_keyframe: bool
    is_discard: bool


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
    packets = read_packet_headers(container, streams)
    bases = {stream.index: stream.time_base for stream in streams}
    offsets = _find_offsets(packets, bases)
    items = [
        _describe_packet(packet, bases[packet.stream], offset)
        for packet, offset in zip(packets, offsets, strict=True)
    ]
    return PacketScan(tuple(items), is_joined=len(set(offsets)) > 1)


def read_packet_headers(container: Any, streams: Sequence[Any]) -> list[PacketHeader]:
    """Return the headers of the packets of some tracks, in the order of the file."""
    return [
        PacketHeader(
            packet.stream_index,
            packet.pts,
            packet.dts,
            duration=packet.duration or 0,
            size=packet.size,
            pos=packet.pos,
            is_keyframe=packet.is_keyframe,
            is_discard=packet.is_discard,
        )
        for packet in container.demux(streams)
        if not is_end(packet)
    ]


def is_end(packet: Any) -> bool:
    """Return whether a packet only says that a track ends."""
    return packet.size == 0 and packet.pts is None


def _describe_packet(packet: PacketHeader, time_base: Fraction, offset: float) -> PacketTime:
    base = float(time_base)
    return PacketTime(
        stream=packet.stream,
        pts=None if packet.pts is None else packet.pts * base + offset,
        duration=float(packet.duration) * base,
        size=packet.size,
        pos=packet.pos,
        is_keyframe=packet.is_keyframe,
        is_discard=packet.is_discard,
    )


def _find_offsets(packets: Iterable[PacketHeader], bases: Mapping[int, Fraction]) -> list[float]:
    """Return what to add to the time of each packet, s."""
    parts, part_of_stream, last = [_FilePart()], dict[int, int](), dict[int, float]()
    numbers: list[int] = []
    for packet in packets:
        stream, base = packet.stream, bases[packet.stream]
        time = _read_decoding_time(packet, base)
        number = part_of_stream.setdefault(stream, len(parts) - 1)
        if time is not None:
            if stream in last and not -RESTART_S <= time - last[stream] <= LEAP_S:
                if number == len(parts) - 1:
                    parts.append(_FilePart())
                number = part_of_stream[stream] = len(parts) - 1
            last[stream] = time
            parts[number].extend(packet, base)
        numbers.append(number)
    offsets = [0.0]
    for before, after in itertools.pairwise(parts):
        offsets.append(offsets[-1] + before.end - after.start)
    return [offsets[number] for number in numbers]


def _read_decoding_time(packet: PacketHeader, time_base: Fraction) -> float | None:
    ticks = packet.pts if packet.dts is None else packet.dts
    return None if ticks is None else float(ticks * time_base)


class _FilePart:
    """The span of one of the files that were joined."""

    def __init__(self) -> None:
        self.start, self.end = float("inf"), float("-inf")

    def extend(self, packet: PacketHeader, time_base: Fraction) -> None:
        if packet.pts is not None:
            time = float(packet.pts * time_base)
            self.start = min(self.start, time)
            self.end = max(self.end, time + float(packet.duration * time_base))
