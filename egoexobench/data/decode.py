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
from av.stream import Discard
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from egoexobench.data import clip_timing
from egoexobench.data.audio_levels import SILENCE_PEAK
from egoexobench.data.downmix import AUDIO_SAMPLE_RATE, AudioCollector
from egoexobench.data.frame_index import (
    END_TOLERANCE_S,
    FrameIndex,
    KeyframeGroup,
    read_frame_index,
)
from egoexobench.data.media_info import MediaInfo, probe_media
from egoexobench.data.sampling import DEFAULT_SAMPLING, get_sampler
from egoexobench.data.sampling.sample import sample_frames
from egoexobench.errors import MediaError
from egoexobench.values import Clip, Frames, Sound

AudioState = Literal["heard", "silent", "no track", "not asked"]


@dataclass(frozen=True, slots=True)
class DecodedClip:
    """What was asked of a clip; ``sound`` is None unless it was heard."""

    frames: Frames | None
    audio: Sound | None
    state: AudioState


def decode_clip(
    clip: Clip, num_frames: int, with_audio: bool, sampling: str = DEFAULT_SAMPLING
) -> DecodedClip:
    """Decode a clip.

    Args:
        clip: what to decode.
        frames: how many pictures; 0 for none.
        sound: whether to decode the sound.
        sampling: the rule that picks the pictures, one of `SAMPLERS`.

    Raises:
        UsageError: if there is no such rule, or it does not pick frames.
        MediaError: if the file is missing, broken or not media, the span lies outside of it, or
            the rule has fewer pictures for it.
    """
    get_sampler(sampling)  # a wrong name is no fault of the file
    try:
        with _open(clip.media, pictures=num_frames > 0) as container:
            end = clip_timing.clip_end(container, clip)
            pictures = _frames(container, clip, end, num_frames, sampling) if num_frames else None
            if not with_audio:
                return DecodedClip(pictures, None, "not asked")
            samples = _samples(container, clip, end)
    except MediaError as error:
        raise MediaError(error.kind, error.reason, clip.id) from error
    if samples is None:
        return DecodedClip(pictures, None, "no track")
    if samples.size == 0 or max(samples.max(), -samples.min()) <= SILENCE_PEAK:
        return DecodedClip(pictures, None, "silent")
    return DecodedClip(pictures, Sound(samples, AUDIO_SAMPLE_RATE), "heard")


def decode_audio(clip: Clip) -> NDArray[np.float32] | None:
    """Return the span's mono samples at `AUDIO_SAMPLE_RATE`, silent or not; None without a track.

    There are no samples if the track is empty or ends before the clip_timing.

    Raises:
        MediaError: as `decode`.
    """
    with _open(clip.media, pictures=False) as container:
        return _samples(container, clip, clip_timing.clip_end(container, clip))


def read_media_info(path: str) -> MediaInfo:
    """Read what a file says of itself, or raise `MediaError`."""
    with _open(path) as container:
        return probe_media(container, clip_timing.container_duration(container))


@contextmanager
def _open(path: str, *, pictures: bool = True) -> Iterator[Any]:
    if not Path(path).is_file():
        raise MediaError("missing", f"media file {path} is missing")
    opened = False
    # a file is looked into when it is opened; pictures that nobody asks for are not decoded for it
    options = {} if pictures else {"skip_frame": "all"}
    try:
        with av.open(path, options=options) as container:
            opened = True
            yield container
    except (av.FFmpegError, EOFError) as error:
        reason = f"cannot decode {path}: {getattr(error, 'strerror', error)}"
        if opened:
            raise MediaError("undecodable", reason) from error
        raise MediaError("not_media", f"{reason}; it is no complete media file") from error


def _frames(container: Any, clip: Clip, end: float, count: int, sampling: str) -> Frames:
    if not container.streams.video:
        raise MediaError("no_video", f"{clip.media} has no video track")
    stream = container.streams.video[0]
    track = read_frame_index(container, stream, clip.media)
    late = clip_timing.video_delay(container, track, clip, end)
    start = max(clip.start - late, 0.0)
    length = len(track.times)
    chosen = sample_frames(sampling, clip.media, track.fps, length, start, end - late, count)
    wanted = track.times[chosen]
    found = _pictures(container, stream, track, np.unique(chosen))
    for index, time in zip(chosen, wanted, strict=True):
        if int(time) not in found:
            raise MediaError(
                "undecodable",
                f"{clip.media}: frame {index} of {length} does not decode",
            )
    pixels = np.stack([found[int(time)] for time in wanted])
    return Frames(pixels, (wanted - track.times[0]) * track.tick + late)


def _pictures(
    container: Any, stream: Any, track: FrameIndex, chosen: NDArray[np.int64]
) -> dict[int, NDArray[np.uint8]]:
    """Pictures by presentation time; ``chosen`` are frames by index."""
    stream.codec_context.thread_count = 1  # clips are decoded side by side already
    found = _decoded(container, stream, track.group_by_keyframe(chosen), "NONREF")
    if len(found) < len(np.unique(track.times[chosen])):  # a keyframe was none
        found = _decoded(container, stream, track.from_start(chosen), "DEFAULT")
    return found


def _decoded(
    container: Any, stream: Any, groups: Sequence[KeyframeGroup], skipped: str
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
    stream, zero = container.streams.audio[0], clip_timing.start_offset(container)
    for other in container.streams.video:
        other.discard = Discard.all  # its packets are not even read
    start = max(clip.start - END_TOLERANCE_S, 0) + zero
    try:
        container.seek(int(start / stream.time_base), stream=stream)
    except PermissionError:  # what FFmpeg's -1 becomes: the track holds no packet to seek
        return np.zeros(0, np.float32)
    collector = AudioCollector(clip.media)
    first = None
    for frame in container.decode(stream):
        time = 0.0 if frame.time is None else frame.time - zero
        if time >= end:
            break
        first = time if first is None else first
        collector.add_frame(frame)
    if first is None:
        return np.zeros(0, np.float32)
    skip = max(round((clip.start - first) * AUDIO_SAMPLE_RATE), 0)
    return np.ascontiguousarray(
        collector.finish()[skip : skip + round((end - clip.start) * AUDIO_SAMPLE_RATE)]
    )
