"""The file in which a portion of an extraction says how far it is, and at its end what came of it.

The command that launched the portion reads it, from any machine that sees the folder.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import final

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from egoexobench.features.dataset_features import ExtractionResult
from egoexobench.files import atomic_path
from egoexobench.machine_errors import skip_if_unwritable
from egoexobench.progress import Advance

SCHEMA_VERSION = 1
WRITE_INTERVAL_S = 1.0
"""Least time between two writes of the progress of a stage."""


class EncoderResult(BaseModel):
    """What came of a portion with one encoder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_requested: NonNegativeInt
    states: dict[str, NonNegativeInt]
    failures: dict[str, str]


class PortionReport(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    num_done: NonNegativeInt = 0
    """Clips that were stored by this attempt."""
    num_missing: NonNegativeInt | None = None
    """Clips that were not stored when it began; None before it knows."""
    results: dict[str, EncoderResult] | None = None
    """By encoder; None before the end."""


def summarize_results(results: Mapping[str, ExtractionResult]) -> dict[str, EncoderResult]:
    """Return what came of an extraction, by encoder, as it is written to files."""
    return {
        name: EncoderResult(
            num_requested=result.num_requested,
            states=dict(result.state_counts),
            failures=dict(result.failures),
        )
        for name, result in results.items()
    }


def read_portion_report(path: Path) -> PortionReport | None:
    """Return the report of a portion; None if there is none, or none that can be read."""
    try:
        report = PortionReport.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return report if report.schema_version == SCHEMA_VERSION else None


@final
class PortionProgress:
    """Progress that is written to a file, and the results at its end.

    A file that cannot be written costs the user the view and nothing else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Write the progress of the stage that stores clips; other stages show nothing."""
        num_done, last_time = 0, 0.0

        def advance(count: int, note: str = "", /) -> None:
            nonlocal num_done, last_time
            del note
            num_done += count
            if name == "encode" and time.monotonic() - last_time >= WRITE_INTERVAL_S:
                last_time = time.monotonic()
                self._write(PortionReport(num_done=num_done, num_missing=total))

        advance(0)
        yield advance

    def finish(self, results: Mapping[str, ExtractionResult]) -> None:
        """Write what came of the portion."""
        self._write(PortionReport(results=summarize_results(results)))

    def _write(self, report: PortionReport) -> None:
        with skip_if_unwritable(), atomic_path(self._path, flush=False) as tmp_path:
            tmp_path.write_text(report.model_dump_json())
