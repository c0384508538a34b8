"""Encodes the span of a clip as an MP4 file that every browser and every tool plays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from egoexobench.data.clip_timing import find_clip_end
from egoexobench.data.decode import decode_clip_audio, read_media_clock
from egoexobench.data.decode_frames import iter_span_frames
from egoexobench.data.open_media import open_media
from egoexobench.data.tracks import choose_video
from egoexobench.errors import MediaError
from egoexobench.types import Clip

CUT_SAMPLE_RATE = 48_000
"""Of the sound, Hz."""
_TICKS_PER_SECOND = 90_000
_VIDEO_OPTIONS = {"preset": "veryfast", "threads": "1", "x264-params": "mbtree=0"}
"""One thread, and no weights of macroblock trees: x264 computes those from memory that it did not
write, so that the same frames would give other bytes each time."""
_MIN_SIDE = 2
"""Pixels; the codec takes even numbers."""
TimedImage = tuple[NDArray[np.uint8], float]
"""RGB image ``(H, W, 3)`` and its time, s."""


@dataclass(frozen=True, slots=True)
class ClipEncoding:
    """How a clip is encoded: as H.264, with mono AAC of 48 kHz."""

    crf: int
    """Quality of the picture, lower is better."""
    bit_rate: int
    """Of the sound, bit/s."""
    max_height: int | None = None
    """Larger pictures are scaled down to so many rows; None keeps the size."""
    max_fps: float | None = None
    """Frames that come faster are left out; None keeps all."""


FAITHFUL_ENCODING = ClipEncoding(crf=12, bit_rate=192_000)
PREVIEW_ENCODING = ClipEncoding(crf=30, bit_rate=48_000, max_height=240, max_fps=15)


def encode_clip(path: Path, clip: Clip, encoding: ClipEncoding) -> None:
    """Write a clip as a file; the frames are those of the span, at their own times.

    The same clip gives the same bytes.

    Args:
        path: the file; it is not written atomically.
        clip: the clip.
        encoding: size and quality.

    Raises:
        MediaError: if the clip does not decode.
    """
    samples, _ = decode_clip_audio(clip, CUT_SAMPLE_RATE)
    with av.open(str(path), "w", format="mp4") as container:
        frames = _iter_clip_frames(clip, encoding)
        image, time = next(frames)
        options = {"crf": str(encoding.crf), **_VIDEO_OPTIONS}
        video = container.add_stream("libx264", rate=30, options=options)
        video.height, video.width = _choose_size(image, encoding)
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, _TICKS_PER_SECOND)  # not that of the rate
        audio: Any = None
        if samples is not None and len(samples):
            audio = container.add_stream("aac", rate=CUT_SAMPLE_RATE)
            audio.layout, audio.bit_rate = "mono", encoding.bit_rate
        _write_frame(container, video, image, time - clip.start)
        for image, time in frames:
            _write_frame(container, video, image, time - clip.start)
        container.mux(video.encode(None))
        if samples is not None and audio is not None:
            _write_sound(container, audio, samples)


def _iter_clip_frames(clip: Clip, encoding: ClipEncoding) -> Iterator[TimedImage]:
    clock = read_media_clock(clip.media)
    end = find_clip_end(clock, clip)
    interval = 1 / encoding.max_fps if encoding.max_fps else 0.0
    with open_media(clip.media) as container:
        track = choose_video(container)
        if track is None:
            raise MediaError("no_video", f"{clip.media} has no video track", clip.id)
        due = clip.start
        for image, time in iter_span_frames(
            container, track, clip.media, clock=clock, start=clip.start, end=end
        ):
            if not interval:
                yield image, time
            elif time >= due - interval / 10:  # times are rounded to ticks
                yield image, time
                due = max(due, time - interval) + interval


def _choose_size(image: NDArray[np.uint8], encoding: ClipEncoding) -> tuple[int, int]:
    """Return even height and width."""
    height, width = _crop(image).shape[:2]
    if encoding.max_height is None or height <= encoding.max_height:
        return height, width
    scaled = round(width * encoding.max_height / height / 2) * 2
    return encoding.max_height, max(scaled, _MIN_SIDE)


def _write_frame(container: Any, stream: Any, image: NDArray[np.uint8], time: float) -> None:
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(_crop(image)), format="rgb24")
    frame = picture.reformat(stream.width, stream.height, stream.pix_fmt, threads=1)  # same bytes
    frame.pts = round(max(time, 0.0) * _TICKS_PER_SECOND)
    frame.time_base = Fraction(1, _TICKS_PER_SECOND)
    container.mux(stream.encode(frame))


def _write_sound(container: Any, stream: Any, samples: NDArray[np.float32]) -> None:
    sound = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    sound.sample_rate, sound.pts = CUT_SAMPLE_RATE, 0
    sound.time_base = Fraction(1, CUT_SAMPLE_RATE)
    container.mux(stream.encode(sound))
    container.mux(stream.encode(None))


def _crop(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without the last row or column if their number is odd, which the codec does not take."""
    height, width = image.shape[:2]
    return image[: height - height % 2, : width - width % 2]
