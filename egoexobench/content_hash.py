"""SHA-256 of files and folders that options name; a large file is read once on a machine."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from egoexobench.checksum import DamagedFileError, read_intact, read_json, write_json
from egoexobench.files import cache_dir
from egoexobench.hashing import hash_json, iter_visible_files
from egoexobench.machine_errors import skip_if_unwritable

LARGE_FILE = 64 * 1024**2
"""Bytes from which on the hash of a file is stored, for as long as its size and time stay."""


def hash_content(path: Path) -> str | None:
    """SHA-256 of a file, or of the names and contents in a folder; None if neither exists.

    Hidden files in a folder do not count, and those of linked folders do. A file is read once while
    its size and its times stay the same.
    """
    if path.is_file():
        return _hash_file(path)
    if not path.is_dir():
        return None
    names = sorted(file.relative_to(path).as_posix() for file in iter_visible_files(path))
    lines = [f"{_hash_file(path / name)} {name}" for name in names]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _hash_file(path: Path) -> str:
    stat = path.stat()
    # `st_ctime_ns` shows that a file was replaced although its modification time was set back
    times = stat.st_mtime_ns, stat.st_ctime_ns
    return _hash_unchanged_file(path.resolve(), stat.st_size, times)


@cache
def _hash_unchanged_file(path: Path, size: int, times: tuple[int, int]) -> str:
    if size < LARGE_FILE:
        return _read_hash(path)
    stored = cache_dir() / "hashes" / hash_json([str(path), size, times])
    if digest := read_intact(_read_stored_hash, stored, f"{path} is read again"):
        return digest
    digest = _read_hash(path)
    with skip_if_unwritable():
        write_json(stored, json.dumps([stored.name, digest]))
    return digest


def _read_stored_hash(path: Path) -> str:
    match json.loads(read_json(path)):
        case [path.name, str(digest)]:
            return digest
    raise DamagedFileError(path, "it has the hash of another file")


def _read_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
