"""Writes the span of a clip as a media file of its own, for tools that read whole files."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from egoexobench.data.clip_timing import find_clip_end
from egoexobench.data.decode import decode_clip_audio, read_media_clock
from egoexobench.data.decode_frames import iter_span_frames
from egoexobench.data.media_files import copy_media_file
from egoexobench.data.open_media import open_media
from egoexobench.data.tracks import choose_video
from egoexobench.errors import MediaError
from egoexobench.types import Clip

CUT_SUFFIX = ".mp4"
CUT_SAMPLE_RATE = 48_000
_TICKS_PER_SECOND = 90_000
_VIDEO_OPTIONS = {"preset": "veryfast", "crf": "12", "threads": "1"}
"""One thread: the same frames give the same bytes."""


def is_complete_file(clip: Clip) -> bool:
    """Whether the span of a clip is all of its file.

    Raises:
        MediaError: if the file is missing or is not a media file.
    """
    return clip.start <= 0 and (
        clip.end is None or clip.end >= read_media_clock(clip.media).duration
    )


def write_clip_file(path: Path, clip: Clip) -> None:
    """Write a clip as a file: a copy if it is all of its file, otherwise H.264 and AAC.

    The frames are those of the span, at their own times. The sound is mono, 48 kHz.

    Args:
        path: the file; it is not written atomically.
        clip: the clip.

    Raises:
        MediaError: if the clip does not decode.
    """
    if is_complete_file(clip):
        copy_media_file(clip.media, path)
        return
    samples, _ = decode_clip_audio(clip, CUT_SAMPLE_RATE)
    with av.open(str(path), "w", format="mp4") as container:
        frames = _iter_clip_frames(clip)
        image, time = next(frames)
        video = container.add_stream("libx264", rate=30, options=_VIDEO_OPTIONS)
        video.height, video.width = _crop(image).shape[:2]
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, _TICKS_PER_SECOND)  # not that of the rate
        audio: Any = None
        if samples is not None and len(samples):
            audio = container.add_stream("aac", rate=CUT_SAMPLE_RATE)
            audio.layout, audio.bit_rate = "mono", 192_000
        _write_frame(container, video, image, time - clip.start)
        for image, time in frames:
            _write_frame(container, video, image, time - clip.start)
        container.mux(video.encode(None))
        if samples is not None and audio is not None:
            _write_sound(container, audio, samples)


def _iter_clip_frames(clip: Clip) -> Iterator[tuple[NDArray[np.uint8], float]]:
    clock = read_media_clock(clip.media)
    end = find_clip_end(clock, clip)
    with open_media(clip.media) as container:
        track = choose_video(container)
        if track is None:
            raise MediaError("no_video", f"{clip.media} has no video track", clip.id)
        yield from iter_span_frames(
            container, track, clip.media, clock=clock, start=clip.start, end=end
        )


def _write_frame(container: Any, stream: Any, image: NDArray[np.uint8], time: float) -> None:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(_crop(image)), format="rgb24")
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
