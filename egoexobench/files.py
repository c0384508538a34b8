"""The cache folder, and files that are written completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from egoexobench.errors import DataError, UsageError


def cache_dir() -> Path:
    """Return the cache folder: ``EGOEXOBENCH_CACHE``, else ``~/.cache/egoexobench``.

    Raises:
        UsageError: if the user has no home folder.
    """
    if folder := os.environ.get("EGOEXOBENCH_CACHE"):
        return Path(folder).expanduser()
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder) / "egoexobench"
    try:
        return Path.home() / ".cache" / "egoexobench"
    except RuntimeError as error:
        raise UsageError("there is no home folder: set EGOEXOBENCH_CACHE to a folder") from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; it is renamed to ``path`` only if nothing fails.

    The folder is created if it is missing, the content is on disk before the name is, and a
    temporary file is deleted after an error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp_path = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        yield tmp_path
        with tmp_path.open("rb+") as file:
            os.fsync(file.fileno())
        tmp_path.replace(path)
    finally:
        tmp_path.unlink(missing_ok=True)


def write_text_atomic(path: Path, text: str) -> None:
    """Write a text file completely or not at all; folders are created.

    Raises:
        DataError: if it cannot be written.
    """
    try:
        with atomic_path(path) as tmp_path:
            tmp_path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error
