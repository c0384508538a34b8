"""Caches file reports, one per line with its checksum, so that an interrupted check can resume."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from pydantic import TypeAdapter, ValidationError

from egoexobench import files
from egoexobench.checksum import append_lines, read_lines
from egoexobench.data.doctor.inspect_media import (
    DEFAULT_READING,
    FileReport,
    ReadingRule,
    Span,
    SpanReport,
)
from egoexobench.data.media_files import read_media_state
from egoexobench.errors import DataError, notify
from egoexobench.hashing import hash_json
from egoexobench.layers import hash_layers
from egoexobench.libraries import MEDIA_LIBRARY, TENSOR_LIBRARIES, find_versions
from egoexobench.machine_errors import skip_if_unwritable

_STORED_REPORT: TypeAdapter[tuple[str, FileReport]] = TypeAdapter(tuple[str, FileReport])
"""A report, and the name of the file that it belongs to."""


@dataclass(frozen=True, slots=True)
class CachedInspection:
    """The cached report of a file, and the spans that it does not contain."""

    report: FileReport | None
    missing_spans: list[Span]


@final
class InspectionCache:
    """File reports by path, size and times; a damaged line is left out.

    Every reading rule has its own file, because it decides which spans are usable.
    """

    def __init__(self, rule: ReadingRule = DEFAULT_READING) -> None:
        versions = find_versions((MEDIA_LIBRARY, *TENSOR_LIBRARIES))
        code = hash_json([hash_layers(up_to="data"), versions, list(rule)])
        self.path = files.cache_dir() / "doctor" / f"{code}.jsonl"
        lines = read_lines(self.path)
        self._num_damaged = lines.num_damaged
        self._reports: dict[tuple[str, int, int, int], FileReport] = {}
        for payload in lines.payloads:
            self._load_report(payload)

    def get(self, path: str, spans: Iterable[Span]) -> CachedInspection:
        """Return what is cached of a file in its current state."""
        requested = list(spans)
        try:
            state = read_media_state(path)
        except (OSError, DataError):
            return CachedInspection(None, requested)
        report = self._reports.get((path, state.size, state.mtime_ns, state.ctime_ns))
        cached = {(span.start, span.end) for span in report.spans} if report else set()
        missing = [span for span in requested if span not in cached]
        if report is None or missing:
            self._explain_damage()
        return CachedInspection(report, missing)

    def put(self, report: FileReport) -> FileReport:
        """Add a report to the cache and return it, joined with the cached spans of the file."""
        if report.problem and not report.size:
            return report  # the file may exist, or be complete, the next time
        key = _get_key(report)
        spans: dict[Span, SpanReport] = {}
        for part in (self._reports.get(key), report):
            spans |= {(span.start, span.end): span for span in (part.spans if part else ())}
        joined = report.model_copy(update={"spans": tuple(spans.values())})
        self._reports[key] = joined
        with skip_if_unwritable():
            append_lines(self.path, [_STORED_REPORT.dump_json((self.path.stem, joined)).decode()])
        return joined

    def _load_report(self, payload: str) -> None:
        try:
            name, report = _STORED_REPORT.validate_json(payload)
        except ValidationError:
            name = ""
        if name == self.path.stem:
            self._reports[_get_key(report)] = report
        else:
            self._num_damaged += 1

    def _explain_damage(self) -> None:
        """Say once that a file is inspected although its report may have been stored."""
        if self._num_damaged:
            notify(
                f"{self.path} is damaged (lines that are left out: {self._num_damaged}); their "
                "files are inspected again"
            )
            self._num_damaged = 0


def _get_key(report: FileReport) -> tuple[str, int, int, int]:
    return report.path, report.size, report.mtime_ns, report.ctime_ns
