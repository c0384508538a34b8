"""Tells when a file of a site changes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_SUFFIXES = (".json", ".jsonl", ".toml")
"""Of records, of what lies beside them, and of leaderboards; drafts have another one."""
FileState = tuple[str, int, int]
"""Path, time of the last change in ns, and size in bytes."""


def read_file_states(paths: Iterable[Path]) -> frozenset[FileState]:
    """Return the state of every file that a site may read, of files and of folders.

    Links to folders are not followed, as when records are listed.
    """
    return frozenset(state for path in paths for state in _iter_states(path))


def _iter_states(path: Path) -> Iterator[FileState]:
    if path.is_dir():
        for folder, _, names in os.walk(path):
            for name in names:
                if name.endswith(_SUFFIXES):
                    yield from _read_state(os.path.join(folder, name))
    else:
        yield from _read_state(str(path))


def _read_state(path: str) -> Iterator[FileState]:
    try:
        state = os.stat(path)
    except OSError:  # it was removed meanwhile
        return
    yield path, state.st_mtime_ns, state.st_size
