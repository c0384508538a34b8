"""Captions on disk: JSON Lines, appended one by one, never rewritten.

A file holds what one captioner answers under one key. Its first line is that key; every other is
``{"text": ..., "caption": ...}``, or ``{"text": ..., "refused": reason}`` for a text to which the
captioner twice gave no closed caption. A line is one system call, so a process that is killed
leaves at most one half-written line, which is passed over; several processes may append to one
file. The first caption of a text is the one that counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import final

from egoexobench.errors import DataError
from egoexobench.files import cache_dir
from egoexobench.hashing import hash_json
from egoexobench.toolbox.captions import parse_response


@final
class Store:
    """The files of every captioner.

    Args:
        root: their folder; None is ``captions`` in the cache folder.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_dir() / "captions"

    def open(self, key: Mapping[str, object]) -> Shelf:
        """The file of a key; it is made when the first caption comes."""
        return Shelf(self.root / f"{hash_json(key)}.jsonl", key)


@final
class Shelf:
    """Captions under one key, by text.

    Args:
        path: the file; None keeps them in memory only.
        key: what decides the captions.
    """

    def __init__(self, path: Path | None, key: Mapping[str, object]) -> None:
        self._path, self._key = path, key
        self._read = 0
        self.captions: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.refresh()

    def __contains__(self, text: str) -> bool:
        return text in self.captions or text in self.refused

    def refresh(self) -> None:
        """Read what was appended since, by this process or another."""
        if self._path is None or not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # half-written: by a process that was killed, or is writing right now
                self._read += len(line)
                self._take(line)

    def put(self, text: str, caption: str) -> str:
        """Keep the caption of a text; return the one that counts, should another be there."""
        self._append(text, {"caption": caption})
        return self.captions.setdefault(text, caption)

    def refuse(self, text: str, reason: str) -> None:
        """Keep that no caption came of a text, and why."""
        self._append(text, {"refused": reason})
        self.refused.setdefault(text, reason)

    def _append(self, text: str, what: dict[str, str]) -> None:
        if self._path is None:
            return
        self.refresh()
        if text in self.captions:
            return
        _write(self._path, {"text": text} | what, {"key": self._key})

    def _take(self, line: bytes) -> None:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return  # the rest of a line that was half-written
        match row:
            case {"text": str(text), "caption": str(caption)} if parse_response(caption) == caption:
                self.captions.setdefault(text, caption)
            case {"text": str(text), "refused": str(reason)}:
                self.refused.setdefault(text, reason)


def _write(path: Path, row: Mapping[str, object], head: Mapping[str, object]) -> None:
    """Append a line in one call; begin a new one, should the last be half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(file).st_size
        line = _line(row) if size else _line(head) + _line(row)
        if size and os.pread(file, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(file, line) != len(line):
            raise DataError(f"{path} took half a line only; is the disk full?")
    finally:
        os.close(file)


def _line(row: Mapping[str, object]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
