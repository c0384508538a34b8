"""Inspect one media file: read its headers, hash it, and decode each requested span."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from egoexobench.data.audio_levels import AudioLevel, measure_level
from egoexobench.data.decode import DecodedClip, decode_clip, read_media_info
from egoexobench.data.media_files import open_media_file, read_media_state
from egoexobench.data.media_info import MediaInfo
from egoexobench.errors import MediaError
from egoexobench.method import COMPACT_DEFAULTS
from egoexobench.types import Clip

Span = tuple[float, float | None]
"""Start and end of a clip in its file, s; None is the end of the file."""
_FROZEN = ConfigDict(frozen=True)


class ReadingRule(NamedTuple):
    """What a run reads of each clip."""

    num_frames: int = COMPACT_DEFAULTS.num_frames
    sampling: str = COMPACT_DEFAULTS.frame_sampling


DEFAULT_READING = ReadingRule()
"""What a run reads if its method does not say otherwise."""


class MediaIssue(BaseModel):
    """What is wrong with a file or with a span: a `MediaErrorKind` or ``unexpected``."""

    model_config = _FROZEN

    kind: str
    reason: str


class SpanReport(BaseModel):
    """A span: what is wrong with it, or the level of its audio (None without an audio track)."""

    model_config = _FROZEN

    start: float
    end: float | None
    problem: MediaIssue | None = None
    level: AudioLevel | None = None
    channels_cancel: bool = False
    """The channels have sound, and their mean has none."""
    silence_s: float = 0.0
    """Length of the silence that is filled in where the file has no sound, s."""
    rotation: int = 0
    """Degrees by which the frames are turned counterclockwise."""
    reads_other_frames: bool = False
    """The released rule, which multiplies seconds by the nominal rate, reads other frames."""


class FileReport(BaseModel):
    """A media file and its spans."""

    model_config = _FROZEN

    path: str
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    sha256: str | None = None
    info: MediaInfo | None = None
    problem: MediaIssue | None = None
    spans: tuple[SpanReport, ...] = ()


def inspect_file(
    path: str, spans: Iterable[Span], rule: ReadingRule = DEFAULT_READING
) -> FileReport:
    """Inspect a file and its spans; problems are in the report, and no exception is raised.

    Args:
        path: the file.
        spans: the spans that a data set takes from it.
        rule: what a run reads of each span.
    """
    try:
        info = read_media_info(path)
        state = read_media_state(path)
        return FileReport(
            path=path,
            size=state.size,
            mtime_ns=state.mtime_ns,
            ctime_ns=state.ctime_ns,
            sha256=compute_sha256(path),
            info=info,
            spans=tuple(_inspect_span(path, span, rule) for span in spans),
        )
    except Exception as error:  # the check continues after any error
        return FileReport(path=path, problem=_describe_error(error, path))


def compute_sha256(path: str) -> str:
    """Return the SHA-256 of a media file."""
    with open_media_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inspect_span(path: str, span: Span, rule: ReadingRule) -> SpanReport:
    start, end = span
    clip = Clip("", "ego", path, start, end=end, narration="", take="")
    try:
        decoded = decode_clip(clip, rule.num_frames, with_audio=True, sampling=rule.sampling)
    except Exception as error:  # the check continues after any error
        return SpanReport(start=start, end=end, problem=_describe_error(error, path))
    return _describe_span(span, decoded)


def _describe_span(span: Span, decoded: DecodedClip) -> SpanReport:
    sampled, audio, samples = decoded.sampled, decoded.span_audio, decoded.samples
    return SpanReport(
        start=span[0],
        end=span[1],
        level=None if samples is None else measure_level(samples),
        channels_cancel=audio is not None and audio.channels_cancel,
        silence_s=sum(last - first for first, last in audio.silences) if audio else 0.0,
        rotation=sampled.rotation if sampled else 0,
        reads_other_frames=bool(sampled and sampled.nominal_indices != sampled.indices),
    )


def _describe_error(error: Exception, path: str) -> MediaIssue:
    if isinstance(error, MediaError):
        return MediaIssue(kind=error.kind, reason=error.reason)
    message = str(error).partition("\n")[0]
    return MediaIssue(kind="unexpected", reason=f"{path}: {type(error).__name__}: {message}")
