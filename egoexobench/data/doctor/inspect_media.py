"""Inspect one media file: read its headers, hash it, and decode each requested span."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from egoexobench.data.audio_levels import AudioLevel, measure_level
from egoexobench.data.decode import decode_audio, decode_clip, read_media_info
from egoexobench.data.media_info import MediaInfo
from egoexobench.errors import MediaError
from egoexobench.types import Clip

NUM_PROBE_FRAMES = 2
"""Frames that are decoded of each span."""
Span = tuple[float, float | None]
"""Start and end of a clip in its file, s; None is the end of the file."""
_FROZEN = ConfigDict(frozen=True)


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


class FileReport(BaseModel):
    """A media file and its spans."""

    model_config = _FROZEN

    path: str
    size: int = 0
    mtime_ns: int = 0
    sha256: str | None = None
    info: MediaInfo | None = None
    problem: MediaIssue | None = None
    spans: tuple[SpanReport, ...] = ()


def inspect_file(path: str, spans: Iterable[Span]) -> FileReport:
    """Inspect a file and its spans; problems are in the report, and no exception is raised."""
    try:
        info = read_media_info(path)
        stat = os.stat(path)
        return FileReport(
            path=path,
            size=stat.st_size,
            mtime_ns=stat.st_mtime_ns,
            sha256=compute_sha256(path),
            info=info,
            spans=tuple(_inspect_span(path, span) for span in spans),
        )
    except Exception as error:  # the check continues after any error
        return FileReport(path=path, problem=_describe_error(error, path))


def compute_sha256(path: str) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inspect_span(path: str, span: Span) -> SpanReport:
    start, end = span
    clip = Clip("", "ego", path, start, end=end, narration="", take="")
    try:
        decode_clip(clip, NUM_PROBE_FRAMES, with_audio=False)
        samples = decode_audio(clip)
    except Exception as error:  # the check continues after any error
        return SpanReport(start=start, end=end, problem=_describe_error(error, path))
    level = None if samples is None else measure_level(samples)
    return SpanReport(start=start, end=end, level=level)


def _describe_error(error: Exception, path: str) -> MediaIssue:
    if isinstance(error, MediaError):
        return MediaIssue(kind=error.kind, reason=error.reason)
    message = str(error).partition("\n")[0]
    return MediaIssue(kind="unexpected", reason=f"{path}: {type(error).__name__}: {message}")
