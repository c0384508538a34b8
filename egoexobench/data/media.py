"""Pictures and sound out of media files: the only module that imports a decoder.

Frames are exact: a frame's index is its place in presentation order, found by reading packet
headers once per file. Sound is decoded at its own channels and resampled to 16 kHz; the mono mix
is the mean of the channels, because decoders differ by a factor of sqrt(2) in theirs, which moves
every log-mel value by 0.69.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from egoexobench.data.sampling import segment_centres
from egoexobench.errors import DataError
from egoexobench.values import Clip, Frames, Sound

RATE = 16_000
"""Rate of all sound in the harness, Hz."""
SILENCE = 2.0**-15
"""Peak up to which sound counts as digital silence: one step of 16 bits."""
SLACK = 0.1
"""How far a span may reach beyond the end of its file before it is an error, s."""

KEPT = 4096
"""Files whose index is remembered."""

SoundState = Literal["heard", "silent", "no track", "not asked"]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was asked of a clip; ``sound`` is None unless it was heard."""

    frames: Frames | None
    sound: Sound | None
    state: SoundState


@dataclass(frozen=True, slots=True)
class _Index:
    """Presentation times of a video's frames, and those at which decoding can start, in ticks."""

    times: tuple[int, ...]
    keys: tuple[int, ...]
    tick: float
    fps: float


_INDICES: dict[tuple[str, int, int], _Index] = {}


def decode(clip: Clip, frames: int, sound: bool) -> Decoded:
    """Decode a clip.

    Args:
        clip: what to decode.
        frames: how many pictures, taken at segment centres; 0 for none.
        sound: whether to decode the sound.

    Raises:
        DataError: if the file is missing or not media, or the span lies beyond its end.
    """
    with _open(clip.media) as container:
        end = _end(container, clip)
        pictures = _frames(container, clip, end, frames) if frames else None
        if not sound:
            return Decoded(pictures, None, "not asked")
        heard, state = _sound(container, clip, end)
    return Decoded(pictures, heard, state)


@contextmanager
def _open(path: str) -> Iterator[Any]:
    if not Path(path).is_file():
        raise DataError(f"media file {path} is missing")
    try:
        with av.open(path) as container:
            yield container
    except (av.FFmpegError, EOFError) as error:
        raise DataError(f"cannot decode {path}: {getattr(error, 'strerror', error)}") from error


def _end(container: Any, clip: Clip) -> float:
    if container.duration is None:
        raise DataError(f"{clip.media} does not say how long it is; is it a complete media file?")
    length = container.duration / av.time_base
    end = length if clip.end is None else clip.end
    if clip.start >= length or end > length + SLACK:
        raise DataError(
            f"clip {clip.id}: the span {clip.start:g}-{end:g} s ends beyond {clip.media}, "
            f"which is {length:.2f} s long"
        )
    return float(min(end, length))


def _frames(container: Any, clip: Clip, end: float, count: int) -> Frames:
    if not container.streams.video:
        raise DataError(f"{clip.media} has no video track")
    stream = container.streams.video[0]
    index = _index(container, stream, clip.media)
    chosen = segment_centres(index.fps, len(index.times), clip.start, end, count)
    wanted = [index.times[i] for i in chosen]
    pictures = _pictures(container, stream, index, set(wanted))
    lost = [i for i, time in zip(chosen, wanted, strict=True) if time not in pictures]
    if lost:
        raise DataError(f"{clip.media}: frame {lost[0]} of {len(index.times)} does not decode")
    times = np.array([(time - index.times[0]) * index.tick for time in wanted])
    return Frames(np.stack([pictures[time] for time in wanted]), times)


def _index(container: Any, stream: Any, path: str) -> _Index:
    stat = os.stat(path)
    key = path, stat.st_size, stat.st_mtime_ns
    if key not in _INDICES:
        if len(_INDICES) >= KEPT:
            _INDICES.clear()
        _INDICES[key] = _read_index(container, stream, path)
    return _INDICES[key]


def _read_index(container: Any, stream: Any, path: str) -> _Index:
    packets = [(p.pts, p.is_keyframe) for p in container.demux(stream) if p.pts is not None]
    fps = float(stream.average_rate or 0)
    if not packets or fps <= 0:
        raise DataError(f"{path} has a video track without frames")
    times = sorted(time for time, _ in packets)
    keys = sorted(time for time, key in packets if key)
    return _Index(tuple(times), tuple(keys), float(stream.time_base), fps)


def _pictures(container: Any, stream: Any, index: _Index, wanted: set[int]) -> dict[int, Any]:
    context = stream.codec_context
    context.thread_count = 1  # clips are decoded side by side already
    key = index.keys[max(bisect_right(index.keys, min(wanted)) - 1, 0)] if index.keys else 0
    container.seek(key, stream=stream)
    last, found = max(wanted), {}
    colours = VideoReformatter()  # one for all frames: making one costs as much as using it
    for packet in container.demux(stream):
        # frames that no other frame needs are not decoded unless they are wanted
        context.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
        for frame in packet.decode():
            if frame.pts in wanted:
                found[frame.pts] = colours.reformat(frame, format="rgb24").to_ndarray()
            if frame.pts >= last:
                return found
    return found


def _sound(container: Any, clip: Clip, end: float) -> tuple[Sound | None, SoundState]:
    if not container.streams.audio:
        return None, "no track"
    stream = container.streams.audio[0]
    start = max(clip.start - SLACK, 0)
    container.seek(int(start / stream.time_base), stream=stream)
    resampler = av.AudioResampler(format="fltp", rate=RATE)
    parts: list[Any] = []
    first: float | None = None
    for frame in container.decode(stream):
        if frame.time is not None and frame.time >= end:
            break
        first = frame.time if first is None else first
        parts += resampler.resample(frame)
    if not parts:
        return None, "silent"
    mono = _mono(parts + resampler.resample(None))
    skip = max(round((clip.start - (first or 0.0)) * RATE), 0)
    samples = mono[skip : skip + round((end - clip.start) * RATE)]
    if samples.size == 0 or float(np.abs(samples).max()) <= SILENCE:
        return None, "silent"
    return Sound(np.ascontiguousarray(samples), RATE), "heard"


def _mono(parts: list[Any]) -> NDArray[np.float32]:
    channels = len(parts[0].layout.channels)
    total = np.zeros(sum(part.samples for part in parts), np.float32)
    place = 0
    for part in parts:
        for plane in part.planes:
            samples = np.frombuffer(plane, np.float32, part.samples)
            total[place : place + part.samples] += samples
        place += part.samples
    return np.asarray(total / channels, np.float32)
