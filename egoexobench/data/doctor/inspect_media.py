"""One media file looked at as a run would: opened, probed, and each of its spans decoded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from egoexobench.data.audio_levels import AudioLevel, measure_level
from egoexobench.data.decode import decode_audio, decode_clip, read_media_info
from egoexobench.data.media_info import MediaInfo
from egoexobench.errors import MediaError
from egoexobench.values import Clip

NUM_PROBE_FRAMES = 2
"""Pictures that are decoded of each span."""
Span = tuple[float, float | None]
_FROZEN = ConfigDict(frozen=True)


class MediaIssue(BaseModel):
    """What is wrong with a file or a span."""

    model_config = _FROZEN

    kind: str
    reason: str


class SpanReport(BaseModel):
    """A span: what is wrong with it, or the levels of its sound (None without a track)."""

    model_config = _FROZEN

    start: float
    end: float | None
    problem: MediaIssue | None = None
    level: AudioLevel | None = None


class FileReport(BaseModel):
    """A media file, its content and its spans."""

    model_config = _FROZEN

    path: str
    size: int = 0
    mtime_ns: int = 0
    sha256: str | None = None
    info: MediaInfo | None = None
    problem: MediaIssue | None = None
    spans: tuple[SpanReport, ...] = ()


def inspect_file(path: str, spans: Iterable[Span]) -> FileReport:
    """Look at a file and its spans; whatever is wrong is told, nothing is raised."""
    try:
        about = read_media_info(path)
        stat = os.stat(path)
        known = FileReport(path=path, size=stat.st_size, mtime_ns=stat.st_mtime_ns, info=about)
        looked = tuple(_look(path, span) for span in spans)
        return known.model_copy(update={"sha256": sha256_of(path), "spans": looked})
    except Exception as error:  # a doctor goes on whatever it meets
        return FileReport(path=path, problem=_problem(error, path))


def sha256_of(path: str) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _look(path: str, span: Span) -> SpanReport:
    start, end = span
    clip = Clip("", "ego", path, start, end, "", "")
    try:
        decode_clip(clip, NUM_PROBE_FRAMES, with_audio=False)
        samples = decode_audio(clip)
    except Exception as error:  # a doctor goes on whatever it meets
        return SpanReport(start=start, end=end, problem=_problem(error, path))
    return SpanReport(
        start=start, end=end, level=None if samples is None else measure_level(samples)
    )


def _problem(error: Exception, path: str) -> MediaIssue:
    if isinstance(error, MediaError):
        return MediaIssue(kind=error.kind, reason=error.reason)
    told = str(error).partition("\n")[0]
    return MediaIssue(kind="unexpected", reason=f"{path}: {type(error).__name__}: {told}")
