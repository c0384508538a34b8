"""What a media file says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

_FROZEN = ConfigDict(frozen=True)


class Picture(BaseModel):
    """The video track; sizes are as stored, before a rotation."""

    model_config = _FROZEN

    codec: str
    width: int
    height: int
    fps: float
    seconds: float | None
    """None where the container does not say it of a track."""


class Track(BaseModel):
    """The audio track; ``rate`` in Hz."""

    model_config = _FROZEN

    codec: str
    rate: int
    channels: int
    seconds: float | None


class Probe(BaseModel):
    """Length in s, and the first track of each sort."""

    model_config = _FROZEN

    container: str
    seconds: float | None
    picture: Picture | None
    sound: Track | None


def describe(container: Any, seconds: float | None) -> Probe:
    """Return what an opened file says; ``seconds`` is the length of the whole."""
    return Probe(
        container=container.format.name,
        seconds=seconds,
        picture=_picture(container.streams.video),
        sound=_sound(container.streams.audio),
    )


def length(stream: Any) -> float | None:
    """Return how long a track says that it is, s."""
    return None if stream.duration is None else float(stream.duration * stream.time_base)


def _picture(streams: Sequence[Any]) -> Picture | None:
    if not streams:
        return None
    context = streams[0].codec_context
    return Picture(
        codec="unknown" if context is None else context.name,
        width=0 if context is None else context.width,
        height=0 if context is None else context.height,
        fps=float(streams[0].average_rate or 0),
        seconds=length(streams[0]),
    )


def _sound(streams: Sequence[Any]) -> Track | None:
    if not streams:
        return None
    context = streams[0].codec_context
    return Track(
        codec="unknown" if context is None else context.name,
        rate=0 if context is None else context.sample_rate or 0,
        channels=0 if context is None else context.channels or 0,
        seconds=length(streams[0]),
    )
