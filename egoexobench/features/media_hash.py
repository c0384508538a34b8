"""Content hashes of media files, cached while size and times stay the same.

The time of the last change of an entry of the file system (``st_ctime_ns``) shows that a file was
replaced although its modification time was set back. The cache has a line
``[path, size, mtime, ctime, hash]`` with a checksum for each file. Lines are appended, also by
several processes at once, and of two lines of one file the last one counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import final

from egoexobench.checksum import append_lines, encode_line, read_lines
from egoexobench.data.media_files import open_media_file, read_media_state
from egoexobench.data.media_source import MediaState
from egoexobench.errors import DataError, WriteError, notify
from egoexobench.files import atomic_path
from egoexobench.hashing import hash_json
from egoexobench.machine_errors import skip_if_unwritable
from egoexobench.toolbox.cores import map_in_threads
from egoexobench.types import Clip

HASH_CACHE = "hashes.jsonl"
FLUSH_EVERY = 256
"""Number of hashed files after which they are added to the cache at the latest."""
FLUSH_BYTES = 256 << 20
"""Bytes of hashed files after which they are added to the cache at the latest."""
MIN_OUTDATED = 1024
"""Number of lines that no longer count from which on the cache is written anew."""
LINES_PER_CALL = 4096
"""Lines that are parsed at once, which is faster than one by one."""
_Entry = list[object]
"""Path, size, two times and the hash of a file."""


@dataclass(frozen=True, slots=True)
class HashResult:
    """Content hashes by path, and the reason for each file that cannot be read."""

    hashes: Mapping[str, str]
    failures: Mapping[str, str]


def hash_media_files(
    paths: Iterable[str], root: Path, *, skip_failures: bool = False
) -> HashResult:
    """Return the content hash of each file by path; new files are read in a thread for each core.

    Args:
        paths: media files.
        root: folder of the cache.
        skip_failures: report a file that cannot be read instead of raising.

    Raises:
        DataError: for a file that cannot be read, unless ``skip_failures`` is set.
    """
    cache = _HashCache(root / HASH_CACHE)
    hashes: dict[str, str] = {}
    failures: dict[str, str] = {}
    new: list[str] = []
    for path in sorted(paths):
        try:
            content = cache.find_hash(path)
        except DataError as error:
            if not skip_failures:
                raise
            failures[path] = str(error)
        else:
            if content is None:
                new.append(path)
            else:
                hashes[path] = content
    try:
        for path, entry in zip(new, map_in_threads(_hash_or_fail, new), strict=True):
            if not isinstance(entry, DataError):
                hashes[path] = cache.add(entry)
            elif skip_failures:
                failures[path] = str(entry)
            else:
                raise entry
    finally:
        cache.flush()
    return HashResult(hashes, failures)


def hash_clip_media(clips: Iterable[Clip], hashes: Mapping[str, str]) -> str | None:
    """Return a hash of which content which clip shows; None if no file of a clip can be read.

    Args:
        clips: their ids and media count, and not their spans, which stand in the tables.
        hashes: content hashes by path; a clip without one does not count.
    """
    contents = {clip.id: hashes[clip.media] for clip in clips if clip.media in hashes}
    return hash_json(contents) if contents else None


@final
class _HashCache:
    """The hashes of a file by path; new ones are appended some files at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, _Entry] = {}
        self.fresh: list[_Entry] = []
        self.num_fresh_bytes = 0
        self._load()

    def find_hash(self, path: str) -> str | None:
        """Return the hash of a file; None if it is new, or its size or times have changed.

        Raises:
            DataError: if it cannot be read.
        """
        with _name_file(path):
            media = read_media_state(path)
        entry = self.entries.get(path, [])
        if media.content_key or entry[:-1] != _describe_state(path, media):
            return media.content_key or None
        return str(entry[-1])

    def add(self, entry: _Entry) -> str:
        """Keep the entry of a file that was read, and return its hash."""
        self.entries[str(entry[0])] = entry
        self.fresh.append(entry)
        self.num_fresh_bytes += int(str(entry[1]))
        if len(self.fresh) >= FLUSH_EVERY or self.num_fresh_bytes >= FLUSH_BYTES:
            self.flush()
        return str(entry[-1])

    def flush(self) -> None:
        """Append what is new to the file."""
        if self.fresh:
            with skip_if_unwritable():
                append_lines(self.path, map(json.dumps, self.fresh))
        self.fresh.clear()
        self.num_fresh_bytes = 0

    def _load(self) -> None:
        payloads, num_damaged = read_lines(self.path)
        num_lines = num_damaged + len(payloads)
        for start in range(0, len(payloads), LINES_PER_CALL):
            block = ",".join(payloads[start : start + LINES_PER_CALL])
            entries = json.loads(f"[{block}]")
            valid = [entry for entry in entries if _is_entry(entry)]
            num_damaged += len(entries) - len(valid)
            self.entries |= {str(entry[0]): entry for entry in valid}
        if num_damaged:
            notify(
                f"{self.path} has damaged lines, {num_damaged} of {num_lines}: their files are "
                "hashed again"
            )
        num_outdated = len(payloads) - len(self.entries)
        if num_damaged or num_outdated > max(MIN_OUTDATED, len(self.entries)):
            self._write_anew()

    def _write_anew(self) -> None:
        """Write only the lines that count; a line that is appended meanwhile may be lost."""
        lines = (encode_line(json.dumps(entry)) for entry in self.entries.values())
        with (
            suppress(WriteError),  # where nothing can be written, a later process does it
            atomic_path(self.path) as tmp_path,
            tmp_path.open("wb") as file,
        ):
            file.writelines(lines)


def _is_entry(value: object) -> bool:
    """Whether a line is of this kind of file, and not of another one."""
    return isinstance(value, list) and list(map(type, value)) == [str, int, int, int, str]


def _hash_or_fail(path: str) -> _Entry | DataError:
    """Read a file; return its entry, or why it cannot be read."""
    try:
        with _name_file(path):
            return [*_describe_state(path, read_media_state(path)), _read_hash(path)]
    except DataError as error:
        return error


def _describe_state(path: str, media: MediaState) -> _Entry:
    return [path, media.size, media.mtime_ns, media.ctime_ns]


@contextmanager
def _name_file(path: str) -> Iterator[None]:
    """Name the file in what goes wrong while it is read."""
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot read media file {path}: {error.strerror}") from error
    except ValueError as error:  # a NUL character in the path
        raise DataError(f"cannot read media file {path!r}: {error}") from error


def _read_hash(path: str) -> str:
    with open_media_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
