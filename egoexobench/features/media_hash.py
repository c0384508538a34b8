"""Content hashes of media files, cached while size and times stay the same.

The time of the last change of an entry of the file system (``st_ctime_ns``) shows that a file was
replaced although its modification time was set back.
"""

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
"""Number of hashed files between two writes of the cache."""


@dataclass(frozen=True, slots=True)
class HashResult:
    """Content hashes by path, and the reason for each file that cannot be read."""

    hashes: Mapping[str, str]
    failures: Mapping[str, str]


def hash_media_files(
    paths: Iterable[str], root: Path, *, skip_failures: bool = False
) -> HashResult:
    """Return the content hash of each file by path.

    Args:
        paths: media files.
        root: folder of the cache.
        skip_failures: report a file that cannot be read instead of raising.

    Raises:
        DataError: for a file that cannot be read, unless ``skip_failures`` is set.
    """
    cache = root / HASH_CACHE
    entries = _read_cache(cache)
    hashes: dict[str, str] = {}
    failures: dict[str, str] = {}
    fresh: dict[str, list[object]] = {}
    for path in sorted(paths):
        try:
            entry = _hash_file(path, entries)
        except DataError as error:
            if not skip_failures:
                raise
            failures[path] = str(error)
            continue
        hashes[path] = str(entry[-1])
        if entries.get(path) != entry:
            fresh[path] = entry
        if len(fresh) >= FLUSH_EVERY:
            _add_to_cache(cache, fresh)
            entries, fresh = entries | fresh, {}
    if fresh:
        _add_to_cache(cache, fresh)
    return HashResult(hashes, failures)


def _read_cache(cache: Path) -> dict[str, list[object]]:
    try:
        return dict(json.loads(cache.read_text()))
    except (FileNotFoundError, ValueError):
        return {}  # every file is hashed again


def _add_to_cache(cache: Path, fresh: dict[str, list[object]]) -> None:
    # Another process may have written in the meantime: read the cache again.
    with atomic_path(cache) as tmp_path:
        tmp_path.write_text(json.dumps(_read_cache(cache) | fresh))


def _hash_file(path: str, entries: dict[str, list[object]]) -> list[object]:
    try:
        stat = os.stat(path)
        entry = entries.get(path)
        times = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        if entry and entry[:-1] == times:
            return entry
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except OSError as error:
        raise DataError(f"cannot read media file {path}: {error.strerror}") from error
    except ValueError as error:  # a NUL character in the path
        raise DataError(f"cannot read media file {path!r}: {error}") from error
    return [*times, content]
