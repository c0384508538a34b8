"""Hashes of media files, remembered while size and time of a file stay the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from egoexobench.atomic import whole
from egoexobench.errors import DataError

MEMO = "digests.json"


def digests(paths: Iterable[str], root: Path) -> dict[str, str]:
    """Return the hash of each file's content by path.

    Args:
        paths: media files.
        root: folder that keeps what is known already.

    Raises:
        DataError: for a file that is missing.
    """
    memo = root / MEMO
    known = json.loads(memo.read_text()) if memo.is_file() else {}
    found = {path: _one(path, known) for path in sorted(paths)}
    fresh = {path: list(entry) for path, entry in found.items() if known.get(path) != list(entry)}
    if fresh:
        with whole(memo) as draft:
            draft.write_text(json.dumps(known | fresh))
    return {path: entry[2] for path, entry in found.items()}


def _one(path: str, known: dict[str, list[object]]) -> tuple[int, int, str]:
    try:
        stat = os.stat(path)
        entry = known.get(path)
        if entry and entry[:2] == [stat.st_size, stat.st_mtime_ns]:
            return stat.st_size, stat.st_mtime_ns, str(entry[2])
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except OSError as error:
        raise DataError(f"cannot read media file {path}: {error.strerror}") from error
    return stat.st_size, stat.st_mtime_ns, content
