"""Read the packets of a track from one of them on, in files in which one cannot seek by time.

Where a packet lies in its file and how long it is is read once for each file. One seeks to the byte
and believes what follows only if its packets lie where they should; else the file is read from its
start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.open_media import open_media
from egoexobench.data.packet_times import PacketTime, is_end
from egoexobench.data.tracks import discard_others

NumberedPackets = Iterable[tuple[int, Any]]
"""Packets, each with its position among those of its track."""


@dataclass(frozen=True, slots=True)
class PacketPlaces:
    """Where the packets ``(N,)`` of a track lie, in the order of the file."""

    offsets: NDArray[np.int64]
    """Byte of the file at which the block begins in which a packet starts; -1 for a packet that
    starts in the same block as the one before it, in some formats."""
    sizes: NDArray[np.int64]

    @classmethod
    def from_packets(cls, packets: Sequence[Any | PacketTime]) -> PacketPlaces:
        """Return the places of packets, or of their descriptions."""
        offsets = [_get_offset(packet) for packet in packets]
        return cls(np.array(offsets, np.int64), np.array([p.size for p in packets], np.int64))

    def find_seek_offset(self, first: int) -> int | None:
        """Return where to seek to read a packet whole; None for the start of the file.

        A parser needs the start of the packet before, so one seeks to two blocks before.
        """
        if (np.diff(self.offsets[self.offsets >= 0]) < 0).any():
            return None
        before = self.offsets[: first + 1]
        blocks = np.unique(before[before >= 0])
        return int(blocks[-3]) if len(blocks) > 2 else None

    def is_at(self, position: int, packet: Any) -> bool:
        """Return whether a packet lies where the one at a position should."""
        expected = int(self.offsets[position]), int(self.sizes[position])
        return expected == (_get_offset(packet), packet.size)

    def find_first_of_block(self, offset: int) -> int:
        """Return the position of the first packet that starts in a block, or after it."""
        starts = np.flatnonzero(self.offsets >= 0)
        index = int(np.searchsorted(self.offsets[starts], offset))
        return int(starts[index]) if index < len(starts) else len(self.offsets)


def _get_offset(packet: Any | PacketTime) -> int:
    return -1 if packet.pos is None else int(packet.pos)


@contextmanager
def open_packets(
    path: str, stream_index: int, places: PacketPlaces | None, *, first: int, end: int | None
) -> Iterator[tuple[Any, NumberedPackets]]:
    """Open a file of its own and give a track and its packets from ``first`` to before ``end``.

    Args:
        path: the file.
        stream_index: the track.
        places: where its packets lie; None reads from the start of the file.
        first: position of the first packet.
        end: position after the last packet; None reads to the end.
    """
    offset = None if places is None else places.find_seek_offset(first)
    if places is not None and offset is not None:
        with _open_track(path, stream_index) as (container, stream):
            packets = _read_from_offset(container, stream, places, offset, end=end)
            if packets is not None and packets[0][0] <= first:
                yield stream, [item for item in packets if item[0] >= first]
                return
    with _open_track(path, stream_index) as (container, stream):
        yield stream, islice(enumerate(_iter_packets(container, stream)), first, end)


@contextmanager
def _open_track(path: str, stream_index: int) -> Iterator[tuple[Any, Any]]:
    with open_media(path) as container:
        stream = container.streams[stream_index]
        discard_others(container, stream)
        yield container, stream


def _iter_packets(container: Any, stream: Any) -> Iterator[Any]:
    return (packet for packet in container.demux(stream) if not is_end(packet))


def _read_from_offset(
    container: Any, stream: Any, places: PacketPlaces, offset: int, *, end: int | None
) -> list[tuple[int, Any]] | None:
    """Return packets up to ``end``; None if they do not lie where the places say."""
    try:
        container.seek(offset, stream=stream, unsupported_byte_offset=True)
    except PermissionError:  # PyAV's name for FFmpeg's -1: one cannot seek in every file
        return None
    end = len(places.sizes) if end is None else min(end, len(places.sizes))
    packets: list[tuple[int, Any]] = []
    block, position = None, 0
    for packet in _iter_packets(container, stream):
        if not packets:
            # the first packet of a later block is whole, and known by its block alone
            block = packet.pos if block is None else block
            if packet.pos in (None, block):
                continue
            position = places.find_first_of_block(packet.pos)
        if position >= end or not places.is_at(position, packet):
            return None
        packets.append((position, packet))
        position += 1
        if position == end:
            return packets
    return None
