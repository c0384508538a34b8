"""Inspect one span of a media file: the tracks, and what a run reads of the span."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from egoexobench.data.decode import DecodedClip, decode_clip, read_media_info
from egoexobench.data.doctor.inspect_media import MediaIssue
from egoexobench.data.media_info import MediaInfo
from egoexobench.data.open_media import open_media
from egoexobench.data.tracks import ChosenTrack, choose_audio, choose_video
from egoexobench.errors import MediaError, UsageError
from egoexobench.types import Clip

_FROZEN = ConfigDict(frozen=True)


class TrackReport(BaseModel):
    """A track of a file, and why it is decoded; the reason is empty if it is not."""

    model_config = _FROZEN

    index: int
    kind: str
    codec: str
    reason: str = ""


class FramePosition(BaseModel):
    """A frame: its index in the file, and its time in the file and in the span, s."""

    model_config = _FROZEN

    index: int
    time: float
    offset: float


class SpanFrames(BaseModel):
    """The frames that a sampling rule reads of a span."""

    model_config = _FROZEN

    frames: tuple[FramePosition, ...]
    num_file_frames: int
    fps: float
    is_constant_rate: bool
    rotation: int
    """Degrees by which the frames are turned counterclockwise."""
    released_indices: tuple[int, ...]
    """Frames that the released rule reads, which multiplies seconds by the nominal rate."""


class SpanSound(BaseModel):
    """The sound of a span; times are relative to the start of the span, s."""

    model_config = _FROZEN

    state: str
    start: float | None
    """None if the span has no sound."""
    silences: tuple[tuple[float, float], ...] = ()
    """Where the file has no sound and silence is filled in."""
    channels_cancel: bool = False


class SpanInspection(BaseModel):
    """A media file, its tracks, and what a run reads of one span."""

    version: int = 1
    path: str
    info: MediaInfo
    tracks: tuple[TrackReport, ...]
    start: float
    end: float
    sampling: str
    num_frames: int
    problem: MediaIssue | None = None
    """Why a run cannot use the span; None if it can."""
    video: SpanFrames | None = None
    audio: SpanSound | None = None


def inspect_span(
    path: str, start: float, end: float | None, *, num_frames: int, sampling: str
) -> tuple[SpanInspection, DecodedClip | None]:
    """Decode a span of a file as a run does, and return what it reads.

    Args:
        path: the file.
        start: start of the span, s.
        end: end of the span, s; None is the end of the file.
        num_frames: number of frames; a file without a film is only heard.
        sampling: name of the sampling rule.

    Returns:
        The report, and the decoded span; None if the report has a problem.

    Raises:
        UsageError: for an unknown sampling rule, or a span that starts after the file.
        MediaError: if the file is missing or is not a media file.
    """
    info, tracks = read_media_info(path), list_tracks(path)
    if end is None and info.seconds is not None and start >= info.seconds:
        raise UsageError(
            f"the span starts at {start:g} s, after the end of {path}, "
            f"which is {info.seconds:.3f} s long"
        )
    report = SpanInspection(
        path=path,
        info=info,
        tracks=tracks,
        start=start,
        end=(info.seconds or 0.0) if end is None else end,
        sampling=sampling,
        num_frames=num_frames if info.video else 0,
    )
    clip = Clip("", "ego", path, start, end=end, narration="", take="")
    try:
        decoded = decode_clip(clip, report.num_frames, with_audio=True, sampling=sampling)
    except MediaError as error:
        problem = MediaIssue(kind=error.kind, reason=error.reason)
        return report.model_copy(update={"problem": problem}), None
    changes = {"video": _describe_frames(decoded, start), "audio": _describe_sound(decoded)}
    return report.model_copy(update=changes), decoded


def list_tracks(path: str) -> tuple[TrackReport, ...]:
    """Return all tracks of a file in order.

    Raises:
        MediaError: if the file is missing or is not a media file.
    """
    with open_media(path) as container:
        chosen = [choose_video(container), choose_audio(container)]
        reasons = {track.index: track for track in chosen if track is not None}
        return tuple(_describe_track(stream, reasons) for stream in container.streams)


def _describe_track(stream: Any, chosen: dict[int, ChosenTrack]) -> TrackReport:
    context = stream.codec_context
    return TrackReport(
        index=stream.index,
        kind=stream.type or "unknown",
        codec="unknown" if context is None else context.name,
        reason=chosen[stream.index].reason if stream.index in chosen else "",
    )


def _describe_frames(decoded: DecodedClip, start: float) -> SpanFrames | None:
    sampled = decoded.sampled
    if sampled is None:
        return None
    return SpanFrames(
        frames=tuple(
            FramePosition(index=index, time=time, offset=time - start)
            for index, time in zip(sampled.indices, sampled.times, strict=True)
        ),
        num_file_frames=sampled.num_file_frames,
        fps=sampled.fps,
        is_constant_rate=sampled.is_constant,
        rotation=sampled.rotation,
        released_indices=sampled.nominal_indices,
    )


def _describe_sound(decoded: DecodedClip) -> SpanSound:
    span = decoded.span_audio
    if span is None:
        return SpanSound(state=decoded.state, start=None)
    return SpanSound(
        state=decoded.state,
        start=span.offset,
        silences=span.silences,
        channels_cancel=span.channels_cancel,
    )
