"""Decode frames of a video track by index.

Only the packets from the keyframe before a requested frame to that frame are decoded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from egoexobench.data.clip_timing import MediaClock
from egoexobench.data.decoded_clip import SampledFrames
from egoexobench.data.frame_extras import NO_EXTRAS, FrameExtras, add_context, read_boxes
from egoexobench.data.frame_index import FrameIndex, KeyframeGroup, read_frame_index
from egoexobench.data.open_media import open_media
from egoexobench.data.packet_reader import PacketPlaces, open_packets
from egoexobench.data.packet_times import is_end
from egoexobench.data.sampling import FrameSampling
from egoexobench.data.sampling.sample import (
    FrameTimes,
    check_frames_in_span,
    count_frames_before,
    sample_frames,
)
from egoexobench.data.tracks import ChosenTrack, check_decoder
from egoexobench.errors import MediaError
from egoexobench.types import Frames

Images = dict[int, tuple[NDArray[np.uint8], int]]
"""RGB image ``(H, W, 3)`` and the degrees by which it was turned, by the name of its packet."""
SPAN_BLOCK = 64
"""Frames in memory at once while a span is decoded."""
_ALL_FRAMES = "DEFAULT"
_ONE_SETTING_DECODERS = {"libdav1d", "libaom-av1", "av1"}
"""Decoders that read which frames to skip once, when they open."""


def decode_frames(
    container: Any,
    track: ChosenTrack,
    path: str,
    *,
    clock: MediaClock,
    start: float,
    end: float,
    num_frames: int,
    sampling: str,
    rng: np.random.Generator | None = None,
    extras: FrameExtras = NO_EXTRAS,
) -> tuple[Frames, SampledFrames]:
    """Decode the frames that a rule samples between two times, s; random ones of it with ``rng``.

    Raises:
        UsageError: for an unknown rule.
        MediaError: if there are no frames at this place, or they do not decode.
        ClipError: if there should be boxes and they do not fit.
    """
    index = _read_index(container, track, path, clock)
    times = index.times
    check_frames_in_span(times, start, end)
    sampled = sample_frames(sampling, times, start=start, end=end, num_frames=num_frames, rng=rng)
    indices, context = sampled, None
    if extras.context_step:
        first = count_frames_before(times, start)
        indices, context = add_context(sampled, extras.context_step, first)
    images = _decode_indices(container, track, path, index=index, indices=np.unique(indices))
    pixels = [_get_image(images, index, position, path) for position in indices.tolist()]
    if len({image.shape for image in pixels}) > 1:
        sizes = " and ".join(sorted({f"{image.shape[1]}x{image.shape[0]}" for image in pixels}))
        raise MediaError("undecodable", f"{path}: the size of its frames changes, {sizes}")
    rotation = images[int(index.sources[sampled[0]])][1]
    report = SampledFrames(
        track=track,
        indices=tuple(sampled.tolist()),
        times=tuple(times.times[sampled].tolist()),
        nominal_indices=_sample_by_nominal_rate(sampling, times, start, end, count=num_frames),
        num_file_frames=len(times.times),
        fps=times.fps,
        is_constant=times.is_constant,
        rotation=rotation,
    )
    boxes = None
    if extras.boxes is not None:
        boxes = read_boxes(extras.boxes, indices, pixels[0].shape, len(times.times))
    return Frames(np.stack(pixels), times.times[indices], boxes, context), report


def read_sampled_times(
    container: Any,
    track: ChosenTrack,
    path: str,
    *,
    clock: MediaClock,
    start: float,
    end: float,
    num_frames: int,
    sampling: str,
) -> NDArray[np.float64]:
    """Return the times ``(F,)`` of the frames that `decode_frames` decodes, s; decode none.

    Raises:
        UsageError: for an unknown rule.
        MediaError: if there are no frames at this place.
    """
    times = _read_index(container, track, path, clock).times
    check_frames_in_span(times, start, end)
    sampled = sample_frames(sampling, times, start=start, end=end, num_frames=num_frames)
    return np.asarray(times.times[sampled])


def iter_span_frames(
    container: Any, track: ChosenTrack, path: str, *, clock: MediaClock, start: float, end: float
) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Yield every frame that is presented between two times, s, and its time.

    Raises:
        MediaError: if there are no frames at this place, or they do not decode.
    """
    index = _read_index(container, track, path, clock)
    times = index.times.times
    check_frames_in_span(index.times, start, end)
    positions = np.flatnonzero((times >= start) & (times < end))
    if not len(positions):  # one frame is shown all the time
        positions = np.array([max(int(np.searchsorted(times, start, "right")) - 1, 0)])
    for first in range(0, len(positions), SPAN_BLOCK):
        block = positions[first : first + SPAN_BLOCK]
        images = _decode_indices(container, track, path, index=index, indices=block)
        for position in block.tolist():
            yield _get_image(images, index, position, path), float(times[position])


def _read_index(container: Any, track: ChosenTrack, path: str, clock: MediaClock) -> FrameIndex:
    check_decoder(container, track, path)
    stream = container.streams[track.index]
    stream.codec_context.thread_count = 1  # clips are already decoded in parallel

    def decode_order(limit: int | None) -> list[int]:
        return _list_output_order(path, track, limit)

    return read_frame_index(container, stream, path, clock=clock, decode_order=decode_order)


def _sample_by_nominal_rate(
    sampling: str, times: FrameTimes, start: float, end: float, *, count: int
) -> tuple[int, ...]:
    nominal = str(FrameSampling(FrameSampling.parse(sampling).rule, "nominal"))
    try:
        indices = sample_frames(nominal, times, start=start, end=end, num_frames=count)
    except MediaError:
        return ()
    return tuple(indices.tolist())


def _get_image(images: Images, index: FrameIndex, position: int, path: str) -> NDArray[np.uint8]:
    source = int(index.sources[position])
    if source not in images:
        num_frames = len(index.sources)
        raise MediaError("undecodable", f"{path}: frame {position} of {num_frames} does not decode")
    return images[source][0]


def _decode_indices(
    container: Any,
    track: ChosenTrack,
    path: str,
    *,
    index: FrameIndex,
    indices: NDArray[np.int64],
) -> Images:
    """Decode frames by index."""
    stream = container.streams[track.index]
    if index.is_sequential:
        return _decode_by_position(path, track, index, np.unique(index.sources[indices]))
    is_fixed = stream.codec_context.name in _ONE_SETTING_DECODERS
    groups, skip = index.group_by_keyframe(indices), _ALL_FRAMES if is_fixed else "NONREF"
    try:
        container.seek(groups[0].seek, stream=stream)
        images = _decode_groups(container, stream, groups, skip)
    except PermissionError:  # PyAV's name for FFmpeg's -1: one cannot seek in every file
        images = {}
    if len(images) == len(np.unique(index.sources[indices])):
        return images
    # decoding cannot start at every frame that is marked as a keyframe
    with open_media(path) as fresh:
        stream = fresh.streams[track.index]
        stream.codec_context.thread_count = 1
        return _decode_groups(fresh, stream, index.from_start(indices), _ALL_FRAMES)


def _decode_groups(
    container: Any, stream: Any, groups: Sequence[KeyframeGroup], skip_frame: str
) -> Images:
    """Decode each group from its keyframe to its last frame, and nothing between the groups."""
    context, reformatter = stream.codec_context, VideoReformatter()  # expensive to create: share it
    requested = {source for group in groups for source in group.sources}
    remaining, pending = deque(groups), set[int]()
    images: Images = {}
    for packet in container.demux(stream):
        if remaining and packet.pts == remaining[0].key:
            pending |= set(remaining.popleft().sources)
        if not pending or (packet.size == 0 and not is_end(packet)):
            continue
        # frames to which no other frame refers are decoded only if they were requested
        if skip_frame != _ALL_FRAMES:
            context.skip_frame = _ALL_FRAMES if packet.pts in requested else skip_frame
        frames = packet.decode()
        pending.discard(packet.pts)
        if not pending:
            frames += context.decode(None)
            context.flush_buffers()
        for frame in frames:
            if frame.pts in requested and not frame.is_corrupt:
                images[frame.pts] = _make_image(frame, reformatter)
        if not pending and not remaining:
            break
    return images


def _decode_by_position(
    path: str, track: ChosenTrack, index: FrameIndex, sources: NDArray[np.int64]
) -> Images:
    """Decode frames of a file whose packets are named by their position."""
    requested = set(sources.tolist())
    earlier = index.keyframes[index.keyframes <= sources[0]]
    # frames that are shown before a keyframe but stand after it need the keyframe before it
    for first in (int(earlier[-2:][0]) if len(earlier) else 0, 0):
        reformatter, images = VideoReformatter(), Images()
        end = int(sources[-1]) + 1
        for frame in _iter_frames(path, track, index.places, first=first, end=end):
            if frame.pts in requested and not frame.is_corrupt:
                images[frame.pts] = _make_image(frame, reformatter)
        if len(images) == len(requested):
            break
    return images


def _list_output_order(path: str, track: ChosenTrack, limit: int | None) -> list[int]:
    """Return the positions of packets in the order in which their frames leave the decoder."""
    frames = _iter_frames(path, track, None, first=0, end=limit)
    return [frame.pts for frame in frames if frame.pts is not None]


def _iter_frames(
    path: str, track: ChosenTrack, places: PacketPlaces | None, *, first: int, end: int | None
) -> Iterator[Any]:
    """Decode the packets between two positions; the time of a frame is its packet's position."""
    with open_packets(path, track.index, places, first=first, end=end) as (stream, packets):
        context = stream.codec_context
        context.thread_count = 1
        for position, packet in packets:
            if not packet.size:
                continue
            packet.pts, packet.dts = position, None
            try:
                yield from packet.decode()
            except av.FFmpegError:  # its frame is missing, and so it is not presented
                continue
        yield from context.decode(None)


def _make_image(frame: Any, reformatter: VideoReformatter) -> tuple[NDArray[np.uint8], int]:
    image = np.asarray(reformatter.reformat(frame, format="rgb24").to_ndarray(), np.uint8)
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return image, 0
    return _apply_display_matrix(image, bytes(matrix)), round(frame.rotation) % 360


def _apply_display_matrix(image: NDArray[np.uint8], matrix: bytes) -> NDArray[np.uint8]:
    """Turn and mirror an image as its display matrix says: x' = ax + cy, y' = bx + dy."""
    a, b, _, c, d = np.frombuffer(matrix[:20], np.int32).tolist()
    if abs(b) > abs(a):
        image, a, d = image.transpose(1, 0, 2), c, b
    columns, rows = slice(None, None, -1 if a < 0 else 1), slice(None, None, -1 if d < 0 else 1)
    return np.ascontiguousarray(image[rows, columns])
