"""`load`: finished runs, from their records."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from egoexobench.errors import DataError, UsageError
from egoexobench.records.store import find_records, read_record
from egoexobench.results.run_result import RunCollection, RunResult


def load(path: str | Path | Iterable[str | Path]) -> RunCollection:
    """The runs of a folder, of a record file, or of several of both.

    Raises:
        UsageError: for a value that is no path.
        DataError: if there is no record, or one cannot be read.
    """
    if isinstance(path, str | Path):
        path = [path]
    if not isinstance(path, Iterable):
        raise UsageError(f"argument 'path': expected a path or a list of paths, got {path!r}")
    paths = list(path)
    files: list[Path] = []
    for item in paths:
        if not isinstance(item, str | Path):
            raise UsageError(f"argument 'path': expected a path or a list of paths, got {item!r}")
        folder = Path(item).expanduser()
        records = find_records(folder) if folder.is_dir() else [folder]
        if not records:
            raise DataError(f"{folder} contains no record of a run")
        files += records
    if not files:
        raise UsageError("argument 'path': expected at least one path, got an empty list")
    return RunCollection(tuple(RunResult(read_record(file), file) for file in files))
