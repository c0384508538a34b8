"""Hashes of media files, remembered while size and time of a file stay the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from egoexobench.errors import DataError
from egoexobench.files import atomic_path

HASH_CACHE = "digests.json"
FLUSH_EVERY = 256
"""Files that are hashed between two writes of what is known."""


@dataclass(frozen=True, slots=True)
class HashResult:
    """Content hashes by path, and the reason for each file that cannot be read."""

    hashes: Mapping[str, str]
    failures: Mapping[str, str]


def hash_files(paths: Iterable[str], root: Path, *, skip_failures: bool = False) -> HashResult:
    """Return the hash of each file's content by path.

    Args:
        paths: media files.
        root: folder that keeps what is known already.
        skip_failures: report a file that cannot be read instead of raising.

    Raises:
        DataError: for a file that cannot be read, unless ``skip_failures`` is set.
    """
    memo = root / HASH_CACHE
    known = _read_cache(memo)
    hashes: dict[str, str] = {}
    failures: dict[str, str] = {}
    fresh: dict[str, list[object]] = {}
    for path in sorted(paths):
        try:
            entry = _hash_file(path, known)
        except DataError as error:
            if not skip_failures:
                raise
            failures[path] = str(error)
            continue
        hashes[path] = str(entry[2])
        if known.get(path) != entry:
            fresh[path] = entry
        if len(fresh) >= FLUSH_EVERY:
            _add_to_cache(memo, fresh)
            known, fresh = known | fresh, {}
    if fresh:
        _add_to_cache(memo, fresh)
    return HashResult(hashes, failures)


def _read_cache(memo: Path) -> dict[str, list[object]]:
    try:
        return dict(json.loads(memo.read_text()))
    except (FileNotFoundError, ValueError):
        return {}  # files are hashed again


def _add_to_cache(memo: Path, fresh: dict[str, list[object]]) -> None:
    # read again: another process may have written in the meantime
    with atomic_path(memo) as draft:
        draft.write_text(json.dumps(_read_cache(memo) | fresh))


def _hash_file(path: str, known: dict[str, list[object]]) -> list[object]:
    try:
        stat = os.stat(path)
        entry = known.get(path)
        if entry and entry[:2] == [stat.st_size, stat.st_mtime_ns]:
            return entry
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except OSError as error:
        raise DataError(f"cannot read media file {path}: {error.strerror}") from error
    return [stat.st_size, stat.st_mtime_ns, content]
