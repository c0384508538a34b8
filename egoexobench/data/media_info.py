"""What a media file says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

_FROZEN = ConfigDict(frozen=True)


class VideoStream(BaseModel):
    """The video track; sizes are as stored, before a rotation."""

    model_config = _FROZEN

    codec: str
    width: int
    height: int
    fps: float
    seconds: float | None
    """None where the container does not say it of a track."""


class AudioStream(BaseModel):
    """The audio track; ``rate`` in Hz."""

    model_config = _FROZEN

    codec: str
    sample_rate: int
    channels: int
    seconds: float | None


class MediaInfo(BaseModel):
    """Length in s, and the first track of each sort."""

    model_config = _FROZEN

    container: str
    seconds: float | None
    video: VideoStream | None
    audio: AudioStream | None


def probe_media(container: Any, seconds: float | None) -> MediaInfo:
    """Return what an opened file says; ``seconds`` is the length of the whole."""
    return MediaInfo(
        container=container.format.name,
        seconds=seconds,
        video=_picture(container.streams.video),
        audio=_sound(container.streams.audio),
    )


def stream_duration(stream: Any) -> float | None:
    """Return how long a track says that it is, s."""
    return None if stream.duration is None else float(stream.duration * stream.time_base)


def _picture(streams: Sequence[Any]) -> VideoStream | None:
    if not streams:
        return None
    context = streams[0].codec_context
    return VideoStream(
        codec="unknown" if context is None else context.name,
        width=0 if context is None else context.width,
        height=0 if context is None else context.height,
        fps=float(streams[0].average_rate or 0),
        seconds=stream_duration(streams[0]),
    )


def _sound(streams: Sequence[Any]) -> AudioStream | None:
    if not streams:
        return None
    context = streams[0].codec_context
    return AudioStream(
        codec="unknown" if context is None else context.name,
        sample_rate=0 if context is None else context.sample_rate or 0,
        channels=0 if context is None else context.channels or 0,
        seconds=stream_duration(streams[0]),
    )
