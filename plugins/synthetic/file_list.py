"""Lists the files that were written completely; a file that is not as listed is written again.

``files.txt`` has a line for each complete file: its SHA-256, its size and times, and its name.
A damaged line lists no file, or another hash than that of its file. So nothing is believed because
it exists.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, final

LIST_NAME = "files.txt"


class FileEntry(NamedTuple):
    """A file as it was written. Every change of a file changes its times, and so does a copy."""

    sha256: str
    times: str


@final
class FileList:
    """The complete files below a folder, by name; several processes can add to one list.

    Args:
        root: the folder; names are relative to it and have no blanks.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._entries = dict(_read_entries(root / LIST_NAME))

    def is_intact(self, name: str) -> bool:
        """Whether a file has the content that was written; it is read only if its times differ."""
        entry = self._entries.get(name)
        if entry is None:
            return False
        path = f"{self._root}/{name}"
        try:
            if _get_times(path) == entry.times:
                return True
            if _hash_file(path) != entry.sha256:
                return False
        except (FileNotFoundError, NotADirectoryError):
            return False
        with suppress(OSError):  # where the list cannot be written, the file is read each time
            self.add(name)
        return True

    def add(self, name: str) -> None:
        """List a complete file as it is now.

        Raises:
            OSError: if the file cannot be read or the list cannot be written.
        """
        path = f"{self._root}/{name}"
        times = _get_times(path)
        entry = FileEntry(_hash_file(path), times)
        with open(f"{self._root}/{LIST_NAME}", "ab") as file:
            # one write; the first line end completes the line of a killed process
            file.write(f"\n{entry.sha256} {entry.times} {name}\n".encode())
        self._entries[name] = entry

    def select_damaged(self, names: Iterable[str]) -> list[str]:
        """Return those of some files that are listed or exist, and are not as they were written."""
        return [
            name
            for name in names
            if (name in self._entries or os.path.exists(f"{self._root}/{name}"))
            and not self.is_intact(name)
        ]


def _read_entries(path: Path) -> Iterator[tuple[str, FileEntry]]:
    try:
        text = path.read_bytes().decode("ascii", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return
    for line in text.split("\n"):
        sha256, _, rest = line.partition(" ")
        times, _, name = rest.rpartition(" ")
        yield name, FileEntry(sha256, times)


def _get_times(path: str) -> str:
    stat = os.stat(path)
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def _hash_file(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
