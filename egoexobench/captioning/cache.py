"""Cache captions on disk as JSON Lines: lines are appended and never rewritten.

A file contains the captions of one captioner under one key. The first line is the key; every other
line is ``{"text": ..., "caption": ...}``, or ``{"text": ..., "refused": reason}`` for a text for
which the captioner returned an invalid caption twice. Each line has a checksum
(`egoexobench.checksum`): a line that is damaged, or was edited, is left out. A line is written with
one system call: a killed process leaves at most one incomplete line, and several processes can
append to one file. If a text has several captions, the first one counts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, final

from egoexobench.checksum import append_lines, decode_line
from egoexobench.errors import notify
from egoexobench.files import cache_dir
from egoexobench.hashing import hash_json
from egoexobench.identity import Identity, format_part, list_part_changes
from egoexobench.toolbox.captions import parse_response

_PART_FIELDS = ("kind", "name", "distribution", "files", "source", "libraries")
"""Of the identity of a captioner; its own key says which options decide a caption."""


@final
class CaptionCache:
    """The caption files of all captioners.

    Args:
        root: the folder of the files; None is ``captions`` in the cache folder.
        part: the identity of the captioner; its code, libraries and files are in every key.
    """

    def __init__(self, root: Path | None = None, part: Identity | None = None) -> None:
        self.root = root or cache_dir() / "captions"
        fields = part or {}
        self.part = {name: fields[name] for name in _PART_FIELDS if name in fields}

    def open(self, key: Mapping[str, object]) -> CaptionFile:
        """Return the file of a key; it is created with its first caption."""
        complete = {**key, "part": self.part} if self.part else key
        path = self.root / f"{hash_json(complete)}.jsonl"
        stored_key = _read_key(path)
        if stored_key and hash_json(stored_key) != path.stem and not _set_aside(path):
            return CaptionFile(None, complete)
        return CaptionFile(path, complete)

    def explain_requests(self, key: Mapping[str, object], texts: Collection[str]) -> None:
        """Say in one line why captions are requested although an older captioner wrote them."""
        if not self.part:
            return
        written = json.loads(json.dumps({**key, "part": self.part}, default=str))
        for path in sorted(self.root.glob("*.jsonl"), key=lambda path: -path.stat().st_mtime):
            old = _read_key(path)
            old_part = old.get("part", {})
            if old == written or {**old, "part": None} != {**written, "part": None}:
                continue
            if num_again := len(set(texts).intersection(CaptionFile(path, old).captions)):
                changes = list_part_changes(old_part, self.part) if old_part else ["source"]
                notify(
                    f"{format_part(self.part)} changed ({', '.join(changes)}): "
                    f"{num_again} captions are requested again"
                )
                return


@final
class CaptionFile:
    """Captions under one key, by text.

    Args:
        path: the file; with None captions are kept in memory only.
        key: everything that decides the captions.
    """

    def __init__(self, path: Path | None, key: Mapping[str, object]) -> None:
        self._path, self._key = path, key
        self._num_bytes_read = 0
        self._num_damaged = self._num_incomplete = 0
        self.captions: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.refresh()

    def __contains__(self, text: str) -> bool:
        return text in self.captions or text in self.refused

    def refresh(self) -> None:
        """Read the lines that this or another process appended since the last read."""
        if self._path is None or not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._num_bytes_read)
            self._num_incomplete = 0
            for line in file:
                if not line.endswith(b"\n"):
                    self._num_incomplete = 1  # its process was killed, or is still writing
                    break
                self._num_bytes_read += len(line)
                if line.strip():
                    self._load_line(line)

    def explain_damage(self) -> None:
        """Say once that captions are requested although they may have been stored."""
        if num_lines := self._num_damaged + self._num_incomplete:
            notify(
                f"{self._path} is damaged or was edited (lines that are left out: {num_lines}); "
                "their captions are requested again, and --set captioner=imported:file=FILE reads "
                "edited captions"
            )
            self._num_damaged = self._num_incomplete = 0

    def put(self, text: str, caption: str) -> str:
        """Add the caption of a text; return the caption that counts, maybe an earlier one."""
        self._append(text, {"caption": caption})
        return self.captions.setdefault(text, caption)

    def refuse(self, text: str, reason: str) -> None:
        """Store the reason why a text has no caption."""
        self._append(text, {"refused": reason})
        self.refused.setdefault(text, reason)

    def _append(self, text: str, result: dict[str, str]) -> None:
        if self._path is None:
            return
        self.refresh()
        if text in self.captions:
            return
        is_new = not self._path.exists() or not self._path.stat().st_size
        rows = [{"key": self._key}] * is_new + [{"text": text, **result}]
        append_lines(self._path, [json.dumps(row, ensure_ascii=False) for row in rows])

    def _load_line(self, line: bytes) -> None:
        payload = decode_line(line)
        match payload and json.loads(payload):
            case {"text": str(text), "caption": str(caption)} if parse_response(caption) == caption:
                self.captions.setdefault(text, caption)
            case {"text": str(text), "refused": str(reason)}:
                self.refused.setdefault(text, reason)
            case None:
                self._num_damaged += 1


def _set_aside(path: Path) -> bool:
    """Rename a file whose captions have another key than its name says, if that is possible."""
    renamed = path.with_suffix(".damaged")
    with suppress(OSError):
        path.replace(renamed)
    change = "it is not used" if path.exists() else f"it is renamed to {renamed.name}"
    notify(
        f"{path} is damaged: it has the captions of another captioner; {change}, and captions are "
        "requested again"
    )
    return not path.exists()


def _read_key(path: Path) -> dict[str, Any]:
    """The key of a caption file; nothing if its first line is damaged or no key."""
    try:
        with path.open("rb") as file:
            payload = decode_line(file.readline())
    except OSError:
        return {}
    header = json.loads(payload) if payload else {}
    return dict(header.get("key", {}))
