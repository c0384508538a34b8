"""Reads when the tokens of clips are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from egoexobench.data.decode import read_frame_times, read_media_clock
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.method import Method
from egoexobench.models.clip_times import ClipTimes
from egoexobench.protocols import HasTokenTimes
from egoexobench.types import Clip


def read_clip_times(
    method: Method, encoders: Mapping[str, EncoderRunner], clips: Iterable[Clip]
) -> dict[str, ClipTimes]:
    """Return when the tokens of some clips are, by the id of the clip.

    Args:
        method: which frames are sampled.
        encoders: those of videos say the times of their tokens.
        clips: their media are opened; nothing is decoded.

    Raises:
        MediaError: if a file cannot be read.
    """
    return {clip.id: _read_times(method, encoders, clip) for clip in clips}


def _read_times(method: Method, encoders: Mapping[str, EncoderRunner], clip: Clip) -> ClipTimes:
    role = "video_exo" if clip.view == "exo" and "video_exo" in encoders else "video"
    encoder = encoders[role].encoder
    assert isinstance(encoder, HasTokenTimes)  # noqa: S101 - checked when the parts were built
    frames = read_frame_times(clip, method.num_frames, sampling=method.frame_sampling)
    end = read_media_clock(clip.media).duration if clip.end is None else clip.end
    return ClipTimes(encoder.get_token_times(frames) - clip.start, end - clip.start)
