"""Mutated films: damaged bytes, other containers under a known name, tracks that lack."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from fault_cases.input_tables import TABLE_COMMANDS, copy_films
from fault_cases.mutated_input import MutatedInput
from fault_cases.mutations import mutate_bytes
from fault_cases.outcome import FaultCase

COMMANDS = (
    *(command for command in TABLE_COMMANDS if command[:2] != ("data", "lists")),
    ("data", "inspect", "films/h-ego.mp4"),
    ("data", "inspect", "films/h-ego.mp4", "--json", "--start", "0.2", "--end", "0.7"),
    ("data", "inspect", "films/h-ego.mp4", "--out", "sheet.png"),
)
FILM = "h-ego.mp4"


def make_film(case: FaultCase) -> MutatedInput:
    """Return a command on a folder of films, one of which is mutated."""
    rng = case.create_random()
    note = damage_film(case, rng)
    case.material.copy_to(case.folder, "cache")
    return MutatedInput(rng.choice(COMMANDS), (note,))


def damage_film(case: FaultCase, rng: random.Random) -> str:
    """Give a case its own films, change one of them, and say how."""
    folder = copy_films(case)
    for name in ("clips.jsonl", "queries.jsonl"):
        (folder / name).write_bytes((case.material.root / "films" / name).read_bytes())
    path = folder / FILM
    data = path.read_bytes()
    path.unlink()
    return f"{FILM}: {rng.choice(CHANGES)(path, data, rng)}"


def _damage_bytes(path: Path, data: bytes, rng: random.Random) -> str:
    for _ in range(rng.choice((1, 1, 3))):
        data, note = mutate_bytes(data or b"\0", rng)
    path.write_bytes(data)
    return note


def _damage_header(path: Path, data: bytes, rng: random.Random) -> str:
    """Change numbers in the boxes of an MP4 file."""
    changed = bytearray(data)
    names = (b"tkhd", b"mdhd", b"mvhd", b"stts", b"stsz", b"stsc", b"stco", b"ctts", b"elst")
    names += (b"stsd", b"avcC", b"esds", b"mp4a", b"avc1", b"hdlr", b"moov", b"trak", b"mdat")
    name = rng.choice(names)
    position = data.find(name, rng.choice((0, data.find(name) + 1)))
    position = position if position > 4 else data.find(b"moov")
    offset = position + rng.randrange(-4, 60)
    for index in range(offset, min(offset + rng.choice((1, 4)), len(data))):
        changed[index] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
    path.write_bytes(changed)
    return f"header {name.decode()} at {offset}"


def _write_other_file(path: Path, data: bytes, rng: random.Random) -> str:
    contents = {
        "nothing": b"",
        "text": b"this is a text\n",
        "playlist": b"#EXTM3U\n#EXTINF:1,\ng-ego.mp4\n",
        "concat list": b"ffconcat version 1.0\nfile g-ego.mp4\n",
        "subtitles": b"1\n00:00:00,000 --> 00:00:01,000\nhello\n",
        "noise": rng.randbytes(5000),
        "zeros": bytes(5000),
        "twice": data + data,
        "GIF": b"GIF89a\1\0\1\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;",
        "WAV": b"RIFF\x24\x7d\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80>\0\0\0}\0\0\2\0\x10\0"
        b"data\0}\0\0" + bytes(32000),
        "SDP": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    }
    name = rng.choice(sorted(contents))
    path.write_bytes(contents[name])
    return f"replaced by {name}"


def _remux_film(path: Path, data: bytes, rng: random.Random) -> str:
    """Write the tracks into another container, in another order or not all of them."""
    import io

    import av

    container = rng.choice(("mp4", "matroska", "mov", "mpegts", "avi", "flv", "asf", "nut", "webm"))
    kinds = rng.choice((("audio", "video"), ("video", "audio"), ("video",), ("audio",)))
    try:
        with av.open(io.BytesIO(data)) as old, av.open(str(path), "w", format=container) as new:
            streams = {
                stream.index: new.add_stream_from_template(stream)
                for kind in kinds
                for stream in old.streams
                if stream.type == kind
            }
            for packet in old.demux():
                if packet.dts is not None and packet.stream.index in streams:
                    if rng.random() < 0.05:
                        continue  # a packet is lost
                    packet.stream = streams[packet.stream.index]
                    new.mux(packet)
    except (av.FFmpegError, ValueError) as error:
        path.write_bytes(data)
        return f"{container} cannot hold it: {type(error).__name__}"
    if rng.random() < 0.5:
        changed, note = mutate_bytes(path.read_bytes() or b"\0", rng)
        path.write_bytes(changed)
        return f"{container} of {kinds}, {note}"
    return f"{container} of {kinds}"


def _replace_by_folder(path: Path, data: bytes, rng: random.Random) -> str:
    del data
    kind = rng.choice(("folder", "link to itself", "link to nothing", "nothing", "pipe"))
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        import os

        os.mkfifo(path)
    elif kind != "nothing":
        path.symlink_to(path.name if kind == "link to itself" else "none")
    return kind


CHANGES: tuple[Callable[[Path, bytes, random.Random], str], ...] = (
    *(_damage_bytes,) * 4,
    *(_damage_header,) * 3,
    *(_remux_film,) * 3,
    _write_other_file,
    _replace_by_folder,
)
