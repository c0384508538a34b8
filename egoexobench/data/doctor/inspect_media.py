"""One media file looked at as a run would: opened, probed, and each of its spans decoded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from egoexobench.data.audio_levels import Level, measure
from egoexobench.data.decode import decode, listen, probe
from egoexobench.data.media_info import Probe
from egoexobench.errors import MediaError
from egoexobench.values import Clip

PICTURES = 2
"""Pictures that are decoded of each span."""
Span = tuple[float, float | None]
_FROZEN = ConfigDict(frozen=True)


class Problem(BaseModel):
    """What is wrong with a file or a span."""

    model_config = _FROZEN

    fault: str
    reason: str


class Looked(BaseModel):
    """A span: what is wrong with it, or the levels of its sound (None without a track)."""

    model_config = _FROZEN

    start: float
    end: float | None
    problem: Problem | None = None
    level: Level | None = None


class File(BaseModel):
    """A media file, its content and its spans."""

    model_config = _FROZEN

    path: str
    size: int = 0
    mtime_ns: int = 0
    sha256: str | None = None
    probe: Probe | None = None
    problem: Problem | None = None
    spans: tuple[Looked, ...] = ()


def examine(path: str, spans: Iterable[Span]) -> File:
    """Look at a file and its spans; whatever is wrong is told, nothing is raised."""
    try:
        about = probe(path)
        stat = os.stat(path)
        known = File(path=path, size=stat.st_size, mtime_ns=stat.st_mtime_ns, probe=about)
        looked = tuple(_look(path, span) for span in spans)
        return known.model_copy(update={"sha256": checksum(path), "spans": looked})
    except Exception as error:  # a doctor goes on whatever it meets
        return File(path=path, problem=_problem(error, path))


def checksum(path: str) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _look(path: str, span: Span) -> Looked:
    start, end = span
    clip = Clip("", "ego", path, start, end, "", "")
    try:
        decode(clip, PICTURES, sound=False)
        samples = listen(clip)
    except Exception as error:  # a doctor goes on whatever it meets
        return Looked(start=start, end=end, problem=_problem(error, path))
    return Looked(start=start, end=end, level=None if samples is None else measure(samples))


def _problem(error: Exception, path: str) -> Problem:
    if isinstance(error, MediaError):
        return Problem(fault=error.kind, reason=error.reason)
    told = str(error).partition("\n")[0]
    return Problem(fault="unexpected", reason=f"{path}: {type(error).__name__}: {told}")
