"""Pictures and sound out of media files: the only module that imports a decoder.

Frames are exact: a frame's index is its place in presentation order, found by reading packet
headers once per file. Sound is decoded at its own channels and resampled to 16 kHz; the mono mix
is the mean of the channels, because decoders differ by a factor of sqrt(2) in theirs, which moves
every log-mel value by 0.69.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np

from egoexobench.data.sampling import segment_centres
from egoexobench.errors import DataError
from egoexobench.values import Clip, Frames, Sound

RATE = 16_000
"""Rate of all sound in the harness, Hz."""
SILENCE = 2.0**-15
"""Peak up to which sound counts as digital silence: one step of 16 bits."""
SLACK = 0.1
"""How far a span may reach beyond the end of its file before it is an error, s."""

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
    index = _index(clip.media)
    chosen = segment_centres(index.fps, len(index.times), clip.start, end, count)
    wanted = [index.times[i] for i in chosen]
    pictures = _pictures(container, stream, index, set(wanted))
    lost = [i for i, time in zip(chosen, wanted, strict=True) if time not in pictures]
    if lost:
        raise DataError(f"{clip.media}: frame {lost[0]} of {len(index.times)} does not decode")
    times = np.array([(time - index.times[0]) * index.tick for time in wanted])
    return Frames(np.stack([pictures[time] for time in wanted]), times)


@lru_cache(maxsize=256)
def _index(path: str) -> _Index:
    with _open(path) as container:
        stream = container.streams.video[0]
        packets = [(p.pts, p.is_keyframe) for p in container.demux(stream) if p.pts is not None]
        fps = float(stream.average_rate or 0)
        tick = float(stream.time_base)
    if not packets or fps <= 0:
        raise DataError(f"{path} has a video track without frames")
    times = sorted(time for time, _ in packets)
    keys = sorted(time for time, key in packets if key)
    return _Index(tuple(times), tuple(keys), tick, fps)


def _pictures(container: Any, stream: Any, index: _Index, wanted: set[int]) -> dict[int, Any]:
    context = stream.codec_context
    context.thread_count = 1  # clips are decoded side by side already
    key = index.keys[max(bisect_right(index.keys, min(wanted)) - 1, 0)] if index.keys else 0
    container.seek(key, stream=stream)
    last, found = max(wanted), {}
    for packet in container.demux(stream):
        # frames that no other frame needs are not decoded unless they are wanted
        context.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
        for frame in packet.decode():
            if frame.pts in wanted:
                found[frame.pts] = frame.to_ndarray(format="rgb24")
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
        parts += [part.to_ndarray() for part in resampler.resample(frame)]
    parts += [part.to_ndarray() for part in resampler.resample(None)] if parts else []
    if not parts:
        return None, "silent"
    mono = np.concatenate(parts, axis=1).mean(axis=0, dtype=np.float32)
    skip = max(round((clip.start - (first or 0.0)) * RATE), 0)
    samples = mono[skip : skip + round((end - clip.start) * RATE)]
    if samples.size == 0 or float(np.abs(samples).max()) <= SILENCE:
        return None, "silent"
    return Sound(np.ascontiguousarray(samples), RATE), "heard"
