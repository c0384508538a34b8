"""Cache file reports, one per line, so that an interrupted check can resume."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from pydantic import ValidationError

from egoexobench import files
from egoexobench.data.doctor.inspect_media import (
    DEFAULT_READING,
    FileReport,
    ReadingRule,
    Span,
    SpanReport,
)
from egoexobench.hashing import hash_json
from egoexobench.layers import hash_layers
from egoexobench.libraries import MEDIA_LIBRARY, TENSOR_LIBRARIES, find_versions


@dataclass(frozen=True, slots=True)
class CachedInspection:
    """The cached report of a file, and the spans that it does not contain."""

    report: FileReport | None
    missing_spans: list[Span]


@final
class InspectionCache:
    """File reports by path, size and modification time; incomplete lines are ignored.

    Every reading rule has its own file, because it decides which spans are usable.
    """

    def __init__(self, rule: ReadingRule = DEFAULT_READING) -> None:
        versions = find_versions((MEDIA_LIBRARY, *TENSOR_LIBRARIES))
        code = hash_json([hash_layers(up_to="data"), versions, list(rule)])
        self.path = files.cache_dir() / "doctor" / f"{code}.jsonl"
        self._reports: dict[tuple[str, int, int], FileReport] = {}
        content = self.path.read_bytes() if self.path.is_file() else b""
        self._ends_mid_line = not content.endswith(b"\n") and bool(content)
        for line in content.split(b"\n"):
            self._load_line(line)

    def get(self, path: str, spans: Iterable[Span]) -> CachedInspection:
        """Return what is cached of a file in its current state."""
        requested = list(spans)
        try:
            stat = os.stat(path)
        except OSError:
            return CachedInspection(None, requested)
        report = self._reports.get((path, stat.st_size, stat.st_mtime_ns))
        if report is None:
            return CachedInspection(None, requested)
        cached = {(span.start, span.end) for span in report.spans}
        return CachedInspection(report, [span for span in requested if span not in cached])

    def put(self, report: FileReport) -> FileReport:
        """Add a report to the cache and return it, joined with the cached spans of the file."""
        if report.problem and not report.size:
            return report  # the file may exist, or be complete, the next time
        key = report.path, report.size, report.mtime_ns
        spans: dict[Span, SpanReport] = {}
        for part in (self._reports.get(key), report):
            spans |= {(span.start, span.end): span for span in (part.spans if part else ())}
        joined = report.model_copy(update={"spans": tuple(spans.values())})
        self._reports[key] = joined
        self._append(joined)
        return joined

    def _append(self, report: FileReport) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as out:
            out.write(b"\n" * self._ends_mid_line + report.model_dump_json().encode() + b"\n")
        self._ends_mid_line = False

    def _load_line(self, line: bytes) -> None:
        try:
            report = FileReport.model_validate_json(line)
        except ValidationError:
            return
        self._reports[report.path, report.size, report.mtime_ns] = report
