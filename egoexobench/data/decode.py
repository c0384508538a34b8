"""Decode frames and audio of clips; with `downmix` the only modules that import a decoder.

Frames are exact: the index of a frame is its position in presentation order, which is read from
the packet headers once per file. Only the packets from the keyframe before a requested frame to
that frame are decoded.
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
from egoexobench.types import Audio, Clip, Frames

AudioState = Literal["audible", "silent", "no_track", "not_requested"]


@dataclass(frozen=True, slots=True)
class DecodedClip:
    """Frames and audio of a clip; ``audio`` is None unless ``state`` is ``audible``."""

    frames: Frames | None
    audio: Audio | None
    state: AudioState


def decode_clip(
    clip: Clip, num_frames: int, *, with_audio: bool, sampling: str = DEFAULT_SAMPLING
) -> DecodedClip:
    """Decode a clip.

    Args:
        clip: the clip.
        num_frames: number of frames; 0 decodes no video.
        with_audio: decode the audio as well.
        sampling: name of the sampling rule, one of `SAMPLERS`.

    Raises:
        UsageError: if there is no such rule, or it does not sample frames.
        MediaError: if the file is missing, damaged or not a media file, if the span of the clip
            is not inside the file, or if the rule gives too few frames.
    """
    get_sampler(sampling)  # a wrong name is not an error of the file
    try:
        with _open_media(clip.media, with_video=num_frames > 0) as container:
            end = clip_timing.find_clip_end(container, clip)
            frames = None
            if num_frames:
                frames = _decode_frames(container, clip, end, num_frames, sampling=sampling)
            if not with_audio:
                return DecodedClip(frames, None, "not_requested")
            samples = _decode_samples(container, clip, end)
    except MediaError as error:
        raise MediaError(error.kind, error.reason, clip.id) from error
    if samples is None:
        return DecodedClip(frames, None, "no_track")
    if samples.size == 0 or max(samples.max(), -samples.min()) <= SILENCE_PEAK:
        return DecodedClip(frames, None, "silent")
    return DecodedClip(frames, Audio(samples, AUDIO_SAMPLE_RATE), "audible")


def decode_audio(clip: Clip) -> NDArray[np.float32] | None:
    """Return the mono samples ``(S,)`` of a clip at `AUDIO_SAMPLE_RATE`, also if they are silent.

    The result is None if the file has no audio track, and has no samples if the track is empty or
    ends before the clip starts.

    Raises:
        MediaError: as `decode_clip`.
    """
    with _open_media(clip.media, with_video=False) as container:
        return _decode_samples(container, clip, clip_timing.find_clip_end(container, clip))


def read_media_info(path: str) -> MediaInfo:
    """Return duration and tracks as the headers of a file state them.

    Raises:
        MediaError: if the file is missing or is not a media file.
    """
    with _open_media(path) as container:
        return probe_media(container, clip_timing.read_container_duration(container))


@contextmanager
def _open_media(path: str, *, with_video: bool = True) -> Iterator[Any]:
    if not Path(path).is_file():
        raise MediaError("missing", f"media file {path} is missing")
    is_open = False
    # FFmpeg decodes some frames when it opens a file; skip them if no video was requested
    options = {} if with_video else {"skip_frame": "all"}
    try:
        with av.open(path, options=options) as container:
            is_open = True
            yield container
    except (av.FFmpegError, EOFError) as error:
        reason = f"cannot decode {path}: {getattr(error, 'strerror', error)}"
        if is_open:
            raise MediaError("undecodable", reason) from error
        raise MediaError("not_media", f"{reason}; it is not a complete media file") from error


def _decode_frames(
    container: Any, clip: Clip, end: float, num_frames: int, *, sampling: str
) -> Frames:
    if not container.streams.video:
        raise MediaError("no_video", f"{clip.media} has no video track")
    stream = container.streams.video[0]
    index = read_frame_index(container, stream, clip.media)
    delay = clip_timing.find_video_delay(container, index, clip, end)
    sampled = sample_frames(
        sampling,
        path=clip.media,
        fps=index.fps,
        num_file_frames=len(index.times),
        start=max(clip.start - delay, 0.0),
        end=end - delay,
        num_frames=num_frames,
    )
    times = index.times[sampled]
    images = _decode_indices(container, stream, index, np.unique(sampled))
    for position, time in zip(sampled, times, strict=True):
        if int(time) not in images:
            raise MediaError(
                "undecodable",
                f"{clip.media}: frame {position} of {len(index.times)} does not decode",
            )
    pixels = np.stack([images[int(time)] for time in times])
    return Frames(pixels, (times - index.times[0]) * index.tick + delay)


def _decode_indices(
    container: Any, stream: Any, index: FrameIndex, indices: NDArray[np.int64]
) -> dict[int, NDArray[np.uint8]]:
    """Decode frames by index; return RGB images ``(H, W, 3)`` by presentation time."""
    stream.codec_context.thread_count = 1  # clips are already decoded in parallel
    images = _decode_groups(container, stream, index.group_by_keyframe(indices), "NONREF")
    if len(images) < len(np.unique(index.times[indices])):
        # decoding cannot start at every frame that is marked as a keyframe
        images = _decode_groups(container, stream, index.from_start(indices), "DEFAULT")
    return images


def _decode_groups(
    container: Any, stream: Any, groups: Sequence[KeyframeGroup], skip_frame: str
) -> dict[int, NDArray[np.uint8]]:
    """Decode each group from its keyframe to its last frame, and nothing between the groups."""
    context, reformatter = stream.codec_context, VideoReformatter()  # expensive to create: share it
    requested = {time for group in groups for time in group.times}
    remaining, pending = deque(groups), set[int]()
    images: dict[int, NDArray[np.uint8]] = {}
    container.seek(groups[0].seek, stream=stream)
    for packet in container.demux(stream):
        if remaining and packet.pts == remaining[0].key:
            pending |= set(remaining.popleft().times)
        if not pending:
            continue
        # frames to which no other frame refers are decoded only if they were requested
        context.skip_frame = "DEFAULT" if packet.pts in requested else skip_frame
        frames = packet.decode()
        pending.discard(packet.pts)
        if not pending:
            frames += context.decode(None)
            context.flush_buffers()
        for frame in frames:
            if frame.pts in requested and not frame.is_corrupt:
                image = reformatter.reformat(frame, format="rgb24").to_ndarray()
                images[frame.pts] = np.asarray(image, np.uint8)
        if not pending and not remaining:
            break
    return images


def _decode_samples(container: Any, clip: Clip, end: float) -> NDArray[np.float32] | None:
    if not container.streams.audio:
        return None
    stream, offset = container.streams.audio[0], clip_timing.find_start_offset(container)
    for video in container.streams.video:
        video.discard = Discard.all  # do not even read its packets
    seek_time = max(clip.start - END_TOLERANCE_S, 0) + offset
    try:
        container.seek(int(seek_time / stream.time_base), stream=stream)
    except PermissionError:  # PyAV's name for FFmpeg's -1: the track has no packet
        return np.zeros(0, np.float32)
    collector = AudioCollector(clip.media)
    first = None
    for frame in container.decode(stream):
        time = 0.0 if frame.time is None else frame.time - offset
        if time >= end:
            break
        first = time if first is None else first
        collector.add_frame(frame)
    if first is None:
        return np.zeros(0, np.float32)
    skip = max(round((clip.start - first) * AUDIO_SAMPLE_RATE), 0)
    num_samples = round((end - clip.start) * AUDIO_SAMPLE_RATE)
    return np.ascontiguousarray(collector.finish()[skip : skip + num_samples])
