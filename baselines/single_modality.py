"""Methods `audio-only` and `video-only`: each modality without the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from egoexobench import hookimpl
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale, use_pretrained

if TYPE_CHECKING:
    from egoexobench import Register

_SINGLE_MODALITY = replace(
    COMPACT_DEFAULTS,
    captioner="rules",
    text_fusion="sound-text",
    anchor="sound-text",
    objective="info-nce",
)
"""SoundBridge's text side, loss and schedule, so that only the modality differs."""


@hookimpl
def register_methods(register: Register) -> None:
    """Register the methods."""
    register("audio-only", audio_only)
    register("video-only", video_only)


def audio_only(scale: str, /) -> Method:
    """SoundBridge without video: the mean of the audio tokens is the video embedding."""
    method = replace(_SINGLE_MODALITY, name="audio-only", video=None)
    return select_scale(scale, {"compact": method, "pretrained": use_pretrained(method)})


def video_only(scale: str, /) -> Method:
    """SoundBridge without audio: the mean of the video tokens is the video embedding."""
    method = replace(_SINGLE_MODALITY, name="video-only", audio=None)
    return select_scale(scale, {"compact": method, "pretrained": use_pretrained(method)})
