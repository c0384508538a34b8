"""Pictures and sound out of media files: the only module that imports a decoder.

Frames are exact: a frame's index is its place in presentation order, found by reading packet
headers once per file. Only packets between a wanted frame and the keyframe before it are decoded.
The mono mix is the mean of the channels, because decoders differ by a factor of sqrt(2) in theirs,
which moves every log-mel value by 0.69; it is made before resampling, which then has one channel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from egoexobench.data.fault import MediaError
from egoexobench.data.mix import mono_of, rate_of
from egoexobench.data.packets import SLACK, Group, Packets, packets
from egoexobench.data.probe import Probe, describe
from egoexobench.data.sampling import segment_centres
from egoexobench.values import Clip, Frames, Sound

RATE = 16_000
"""Rate of all sound in the harness, Hz."""
SILENCE = 2.0**-15
"""Peak up to which sound counts as digital silence: one step of 16 bits."""

SoundState = Literal["heard", "silent", "no track", "not asked"]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was asked of a clip; ``sound`` is None unless it was heard."""

    frames: Frames | None
    sound: Sound | None
    state: SoundState


def decode(clip: Clip, frames: int, sound: bool) -> Decoded:
    """Decode a clip.

    Args:
        clip: what to decode.
        frames: how many pictures, taken at segment centres; 0 for none.
        sound: whether to decode the sound.

    Raises:
        MediaError: if the file is missing, broken or not media, or the span lies outside of it.
    """
    try:
        with _open(clip.media) as container:
            end = _end(container, clip)
            pictures = _frames(container, clip, end, frames) if frames else None
            if not sound:
                return Decoded(pictures, None, "not asked")
            samples = _samples(container, clip, end)
    except MediaError as error:
        raise MediaError(error.fault, error.reason, clip.id) from error
    if samples is None:
        return Decoded(pictures, None, "no track")
    if samples.size == 0 or float(np.abs(samples).max()) <= SILENCE:
        return Decoded(pictures, None, "silent")
    return Decoded(pictures, Sound(samples, RATE), "heard")


def listen(clip: Clip) -> NDArray[np.float32] | None:
    """Return the span's mono samples at `RATE`, silent or not; None without a track.

    There are no samples if the track is empty or ends before the span.

    Raises:
        MediaError: as `decode`.
    """
    with _open(clip.media) as container:
        return _samples(container, clip, _end(container, clip))


def probe(path: str) -> Probe:
    """Read what a file says of itself.

    Raises:
        MediaError: if the file is missing or not media.
    """
    with _open(path) as container:
        return describe(container, _length(container))


@contextmanager
def _open(path: str) -> Iterator[Any]:
    if not Path(path).is_file():
        raise MediaError("missing", f"media file {path} is missing")
    opened = False
    try:
        with av.open(path) as container:
            opened = True
            yield container
    except (av.FFmpegError, EOFError) as error:
        reason = f"cannot decode {path}: {getattr(error, 'strerror', error)}"
        if opened:
            raise MediaError("undecodable", reason) from error
        raise MediaError("not media", f"{reason}; it is no complete media file") from error


def _length(container: Any) -> float | None:
    return None if container.duration is None else float(container.duration / av.time_base)


def _zero(container: Any) -> float:
    """When the file begins, s: a broadcast stream counts from anywhere."""
    return max((container.start_time or 0) / av.time_base, 0.0)


def _end(container: Any, clip: Clip) -> float:
    length = _length(container)
    if length is None:
        raise MediaError(
            "cut short", f"{clip.media} does not say how long it is; is it a complete media file?"
        )
    end = length if clip.end is None else clip.end
    if clip.start >= length or end > length + SLACK:
        raise MediaError(
            "beyond the end",
            f"the span {clip.start:g}-{end:g} s ends beyond {clip.media}, "
            f"which is {length:.2f} s long",
        )
    return min(end, length)


def _frames(container: Any, clip: Clip, end: float, count: int) -> Frames:
    if not container.streams.video:
        raise MediaError("no pictures", f"{clip.media} has no video track")
    stream = container.streams.video[0]
    track = packets(container, stream, clip.media)
    late = float(track.times[0] * track.tick) - _zero(container)
    if late >= end:
        raise MediaError(
            "late",
            f"the pictures of {clip.media} start at {late:.2f} s, after the span "
            f"{clip.start:g}-{end:g} s",
        )
    late = late if late > SLACK else 0.0
    start = max(clip.start - late, 0.0)
    chosen = segment_centres(track.fps, len(track.times), start, end - late, count)
    wanted = track.times[chosen]
    found = _pictures(container, stream, track, np.unique(chosen))
    for index, time in zip(chosen, wanted, strict=True):
        if int(time) not in found:
            raise MediaError(
                "undecodable",
                f"{clip.media}: frame {index} of {len(track.times)} does not decode",
            )
    pixels = np.stack([found[int(time)] for time in wanted])
    return Frames(pixels, (wanted - track.times[0]) * track.tick + late)


def _pictures(
    container: Any, stream: Any, track: Packets, chosen: NDArray[np.int64]
) -> dict[int, NDArray[np.uint8]]:
    """Pictures by presentation time; ``chosen`` are frames by index."""
    stream.codec_context.thread_count = 1  # clips are decoded side by side already
    found = _decoded(container, stream, track.groups(chosen), "NONREF")
    if len(found) < len(np.unique(track.times[chosen])):  # a keyframe was none
        found = _decoded(container, stream, track.whole(chosen), "DEFAULT")
    return found


def _decoded(
    container: Any, stream: Any, groups: Sequence[Group], skipped: str
) -> dict[int, NDArray[np.uint8]]:
    """Decode each group from its keyframe to the last of its frames, and nothing in between."""
    context, colours = stream.codec_context, VideoReformatter()  # one for all: it is dear to make
    wanted = {time for group in groups for time in group.times}
    left, pending = deque(groups), set[int]()
    found: dict[int, NDArray[np.uint8]] = {}
    container.seek(groups[0].seek, stream=stream)
    for packet in container.demux(stream):
        if left and packet.pts == left[0].key:
            pending |= set(left.popleft().times)
        if not pending:
            continue
        # frames that no other frame needs are not decoded unless they are wanted
        context.skip_frame = "DEFAULT" if packet.pts in wanted else skipped
        frames = packet.decode()
        pending.discard(packet.pts)
        if not pending:
            frames += context.decode(None)
            context.flush_buffers()
        for frame in frames:
            if frame.pts in wanted and not frame.is_corrupt:
                picture = colours.reformat(frame, format="rgb24").to_ndarray()
                found[frame.pts] = np.asarray(picture, np.uint8)
        if not pending and not left:
            break
    return found


def _samples(container: Any, clip: Clip, end: float) -> NDArray[np.float32] | None:
    if not container.streams.audio:
        return None
    stream, zero = container.streams.audio[0], _zero(container)
    start = max(clip.start - SLACK, 0) + zero
    try:
        container.seek(int(start / stream.time_base), stream=stream)
    except PermissionError:  # what FFmpeg's -1 becomes: the track holds no packet to seek
        return np.zeros(0, np.float32)
    floats = av.AudioResampler(format="fltp")
    parts: list[Any] = []
    first = 0.0
    for frame in container.decode(stream):
        time = 0.0 if frame.time is None else frame.time - zero
        if time >= end:
            break
        first = time if not parts else first
        parts += floats.resample(frame)
    if not parts:
        return np.zeros(0, np.float32)
    mono = _resampled(mono_of(parts), rate_of(parts, clip.media))
    skip = max(round((clip.start - first) * RATE), 0)
    return np.ascontiguousarray(mono[skip : skip + round((end - clip.start) * RATE)])


def _resampled(mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    if rate == RATE:
        return mono
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
    parts: list[Any] = []
    for start in range(0, len(mono), rate):  # a second at a time: one long block takes 5 times that
        block = np.ascontiguousarray(mono[None, start : start + rate])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.rate = rate
        parts += resampler.resample(frame)
    return mono_of([*parts, *resampler.resample(None)])
