"""Packets that are read from one of them on are those that reading from the start gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from telling_film import TellingFilm, read_number, render_film

from egoexobench.data import packet_reader
from egoexobench.data.clip_timing import get_cached_clock
from egoexobench.data.decode import decode_clip
from egoexobench.data.frame_index import clear_cache
from egoexobench.data.packet_reader import PacketPlaces, open_packets
from egoexobench.data.packet_times import is_end
from egoexobench.types import Clip

B_FRAMES = {"preset": "superfast", "g": "25", "bf": "3"}
FILMS: Mapping[str, TellingFilm] = {
    "b-frames.avi": TellingFilm(suffix="avi", video_options=B_FRAMES, audio="libmp3lame"),
    "program.mpg": TellingFilm(suffix="mpg", video="mpeg2video", audio="mp2"),
    "joined.ts": TellingFilm(suffix="ts", video_options=B_FRAMES),
}
STEP = 9


def render_kind(name: str, folder: Path) -> Path:
    """Write a film of a kind in which one cannot seek by time."""
    path = render_film(FILMS[name], folder / name)
    if name.startswith("joined"):
        path.write_bytes(2 * path.read_bytes())
    return path


def read_all(path: Path, stream_index: int) -> list[Any]:
    with av.open(str(path)) as container:
        packets = container.demux(container.streams[stream_index])
        return [packet for packet in packets if not is_end(packet)]


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("stream_index", [0, 1])
def test_packets_from_anywhere_are_those_from_the_start(
    tmp_path: Path, name: str, stream_index: int
) -> None:
    path = render_kind(name, tmp_path)
    expected = read_all(path, stream_index)
    places = PacketPlaces.from_packets(expected)
    for first in range(0, len(expected), STEP):
        end = min(first + 5, len(expected))
        with open_packets(str(path), stream_index, places, first=first, end=end) as (_, packets):
            content = [(position, bytes(packet)) for position, packet in packets]
        assert content == [(i, bytes(expected[i])) for i in range(first, end)]


@pytest.mark.parametrize("name", FILMS)
def test_a_span_reads_its_own_part_of_the_file(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = render_kind(name, tmp_path)
    clear_cache()
    expected = decode_pixels(path, 4.5, 5.5)
    assert {read_number(image) for image in expected} <= set(range(112, 138))
    read: list[Any] = []
    iter_packets = packet_reader._iter_packets

    def count_packets(container: Any, stream: Any) -> Iterator[Any]:
        for packet in iter_packets(container, stream):
            if packet.stream.type == "video":
                read.append(packet)
            yield packet

    monkeypatch.setattr(packet_reader, "_iter_packets", count_packets)
    assert np.array_equal(decode_pixels(path, 4.5, 5.5), expected)
    assert 0 < len(read) < 100, "from the start it takes 112 pictures to come to the span"


@pytest.mark.parametrize("change", ["offsets", "sizes"])
def test_places_that_are_not_those_of_the_file_are_not_believed(
    tmp_path: Path, change: str
) -> None:
    path = render_kind("program.mpg", tmp_path)
    expected = read_all(path, 0)
    places = PacketPlaces.from_packets(expected)
    wrong = replace(places, **{change: getattr(places, change) + 1})
    with open_packets(str(path), 0, wrong, first=100, end=103) as (_, packets):
        content = [bytes(packet) for _, packet in packets]
    assert content == [bytes(packet) for packet in expected[100:103]]


def decode_pixels(path: Path, start: float, end: float) -> Any:
    clip = Clip("x", "ego", str(path), start, end=end, narration="", take="")
    frames = decode_clip(clip, 4, with_audio=True).frames
    assert get_cached_clock(str(path)) is not None
    assert frames is not None
    return frames.pixels
