"""What was found in media files before, one a line, so that an examination can go on."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import final

from pydantic import ValidationError

from egoexobench import files
from egoexobench.data.doctor.inspect_media import FileReport, Span, SpanReport
from egoexobench.layers import hash_layers


@final
class InspectionCache:
    """Files by path, size and time of change; a line that a kill cut short is not read."""

    def __init__(self) -> None:
        self.path = files.cache_dir() / "doctor" / f"{hash_layers(up_to='data')}.jsonl"
        self._files: dict[tuple[str, int, int], FileReport] = {}
        content = self.path.read_bytes() if self.path.is_file() else b""
        self._cut = not content.endswith(b"\n") and bool(content)
        for line in content.split(b"\n"):
            self._keep(line)

    def get(self, path: str, spans: Iterable[Span]) -> tuple[FileReport | None, list[Span]]:
        """Return what is known of a file as it is now, and the spans that are not."""
        wanted = list(spans)
        try:
            stat = os.stat(path)
        except OSError:
            return None, wanted
        file = self._files.get((path, stat.st_size, stat.st_mtime_ns))
        if file is None:
            return None, wanted
        known = {(span.start, span.end) for span in file.spans}
        return file, [span for span in wanted if span not in known]

    def put(self, file: FileReport) -> FileReport:
        """Keep what was found, beside what was known of other spans of the file."""
        if file.problem and not file.size:
            return file  # it may be there, or whole, the next time
        key = file.path, file.size, file.mtime_ns
        before = self._files.get(key)
        spans: dict[Span, SpanReport] = {
            (span.start, span.end): span
            for one in (before, file)
            for span in (one.spans if one else ())
        }
        whole = file.model_copy(update={"spans": tuple(spans.values())})
        self._files[key] = whole
        self._append(whole)
        return whole

    def _append(self, file: FileReport) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as out:
            out.write(b"\n" * self._cut + file.model_dump_json().encode() + b"\n")
        self._cut = False

    def _keep(self, line: bytes) -> None:
        try:
            file = FileReport.model_validate_json(line)
        except ValidationError:
            return
        self._files[file.path, file.size, file.mtime_ns] = file
