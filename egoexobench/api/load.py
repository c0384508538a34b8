"""`load`: finished runs, from their records."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from egoexobench.api.arguments import to_paths
from egoexobench.records.store import list_records, read_record
from egoexobench.results.run_result import RunCollection, RunResult


def load(path: str | Path | Iterable[str | Path]) -> RunCollection:
    """The runs of a folder, of a record file, or of several of both.

    Raises:
        UsageError: for a value that is no path.
        DataError: if there is no record, or one cannot be read.
    """
    files = list_records(to_paths(path))
    return RunCollection(tuple(RunResult(read_record(file), file) for file in files))
