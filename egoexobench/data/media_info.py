"""Read what the headers of a media file state."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from egoexobench.data.tracks import ChosenTrack

_FROZEN = ConfigDict(frozen=True)


class VideoStream(BaseModel):
    """The video track; width and height are as stored, before a rotation."""

    model_config = _FROZEN

    codec: str
    width: int
    height: int
    fps: float
    seconds: float | None
    """None if the container does not state the duration of its tracks."""


class AudioStream(BaseModel):
    """The audio track; ``sample_rate`` in Hz."""

    model_config = _FROZEN

    codec: str
    sample_rate: int
    channels: int
    seconds: float | None


class MediaInfo(BaseModel):
    """Duration in s, and the video and audio track that are decoded, with the reasons."""

    model_config = _FROZEN

    container: str
    seconds: float | None
    video: VideoStream | None
    audio: AudioStream | None
    video_reason: str = ""
    audio_reason: str = ""
    """Why this track is the one that is decoded; empty without one."""


def probe_media(
    container: Any,
    seconds: float | None,
    *,
    video: ChosenTrack | None,
    audio: ChosenTrack | None,
) -> MediaInfo:
    """Return the information of an open file, whose duration is ``seconds``."""
    return MediaInfo(
        container=container.format.name,
        seconds=seconds,
        video=None if video is None else _read_video_stream(container.streams[video.index]),
        audio=None if audio is None else _read_audio_stream(container.streams[audio.index]),
        video_reason="" if video is None else video.reason,
        audio_reason="" if audio is None else audio.reason,
    )


def read_stream_duration(stream: Any) -> float | None:
    """Return the duration that a track states, s; None if it states none."""
    return None if stream.duration is None else float(stream.duration * stream.time_base)


def _read_video_stream(stream: Any) -> VideoStream:
    context = stream.codec_context
    return VideoStream(
        codec="unknown" if context is None else context.name,
        width=0 if context is None else context.width,
        height=0 if context is None else context.height,
        fps=float(stream.average_rate or 0),
        seconds=read_stream_duration(stream),
    )


def _read_audio_stream(stream: Any) -> AudioStream:
    context = stream.codec_context
    return AudioStream(
        codec="unknown" if context is None else context.name,
        sample_rate=0 if context is None else context.sample_rate or 0,
        channels=0 if context is None else context.channels or 0,
        seconds=read_stream_duration(stream),
    )
