"""Cache responses of a model on disk as JSON Lines: lines are appended and never rewritten.

A file contains the responses of one part under one key. The first line is the key; every other line
is ``{"text": ..., "caption": ...}``, or ``{"text": ..., "refused": reason}`` for a request to which
the part returned no valid response. ``caption`` is the field of its `ResponseKind`, and ``text`` is
what identifies the request. Each line has a checksum (`egoexobench.checksum`): a line that is
damaged, or was edited, is left out. A line is written with one system call: a killed process leaves
at most one incomplete line, and several processes can append to one file. If a request has several
responses, the first one counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from egoexobench.checksum import append_lines, decode_line
from egoexobench.errors import notify
from egoexobench.hashing import hash_json
from egoexobench.identity import Identity, format_part, list_part_changes

_PART_FIELDS = ("kind", "name", "distribution", "files", "source", "libraries", "toolkit")
"""Of the identity of a part; its own key says which options decide a response."""


@dataclass(frozen=True, slots=True)
class ResponseKind:
    """What is stored, and how messages call it.

    Attributes:
        field: of a line, such as ``caption``; with an s it is the noun of messages.
        is_valid: whether a text can be such a response.
        part: kind of the part that writes it, such as ``captioner``.
        hint: end of the message about lines that were edited; empty for none.
    """

    field: str
    is_valid: Callable[[str], bool]
    part: str
    hint: str = ""

    @property
    def noun(self) -> str:
        """The plural, for messages."""
        return f"{self.field}s"


@final
class ResponseCache:
    """The files of all parts of one kind.

    Args:
        kind: what is stored.
        root: the folder of the files.
        part: the identity of the part; its code, libraries and files are in every key.
    """

    def __init__(self, kind: ResponseKind, root: Path, part: Identity | None = None) -> None:
        self.kind, self.root = kind, root
        fields = part or {}
        self.part = {name: fields[name] for name in _PART_FIELDS if name in fields}

    def open(self, key: Mapping[str, object]) -> ResponseFile:
        """Return the file of a key; it is created with its first response."""
        complete = {**key, "part": self.part} if self.part else key
        path = self.root / f"{hash_json(complete)}.jsonl"
        stored_key = _read_key(path)
        if stored_key and hash_json(stored_key) != path.stem and not _set_aside(path, self.kind):
            return ResponseFile(None, complete, self.kind)
        return ResponseFile(path, complete, self.kind)

    def explain_requests(self, key: Mapping[str, object], texts: Collection[str]) -> None:
        """Say in one line why responses are requested that an older version of the part wrote."""
        if not self.part:
            return
        written = json.loads(json.dumps({**key, "part": self.part}, default=str))
        for path in sorted(self.root.glob("*.jsonl"), key=lambda path: -path.stat().st_mtime):
            old = _read_key(path)
            old_part = old.get("part", {})
            if old == written or {**old, "part": None} != {**written, "part": None}:
                continue
            if num_again := len(
                set(texts).intersection(ResponseFile(path, old, self.kind).responses)
            ):
                changes = list_part_changes(old_part, self.part) if old_part else ["source"]
                notify(
                    f"{format_part(self.part)} changed ({', '.join(changes)}): "
                    f"{num_again} {self.kind.noun} are requested again"
                )
                return


@final
class ResponseFile:
    """Responses under one key, by the text of their request.

    Args:
        path: the file; with None responses are in memory only.
        key: everything that decides the responses.
        kind: what is stored.
    """

    def __init__(self, path: Path | None, key: Mapping[str, object], kind: ResponseKind) -> None:
        self._path, self._key, self._kind = path, key, kind
        self._num_bytes_read = 0
        self._num_damaged = self._num_incomplete = 0
        self.responses: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.refresh()

    def __contains__(self, text: str) -> bool:
        return text in self.responses or text in self.refused

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
        """Say once that responses are requested although they may have been stored."""
        if num_lines := self._num_damaged + self._num_incomplete:
            notify(
                f"{self._path} is damaged or was edited (lines that are left out: {num_lines}); "
                f"their {self._kind.noun} are requested again{self._kind.hint}"
            )
            self._num_damaged = self._num_incomplete = 0

    def put(self, text: str, response: str) -> str:
        """Add the response to a request; return the one that counts, maybe an earlier one."""
        self._append(text, {self._kind.field: response})
        return self.responses.setdefault(text, response)

    def refuse(self, text: str, reason: str) -> None:
        """Store the reason why a request has no valid response."""
        self._append(text, {"refused": reason})
        self.refused.setdefault(text, reason)

    def _append(self, text: str, result: dict[str, str]) -> None:
        if self._path is None:
            return
        self.refresh()
        if text in self.responses:
            return
        is_new = not self._path.exists() or not self._path.stat().st_size
        rows = [{"key": self._key}] * is_new + [{"text": text, **result}]
        append_lines(self._path, [json.dumps(row, ensure_ascii=False) for row in rows])

    def _load_line(self, line: bytes) -> None:
        payload = decode_line(line)
        if payload is None:
            self._num_damaged += 1
            return
        row = json.loads(payload)
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            return
        response, reason = row.get(self._kind.field), row.get("refused")
        if isinstance(response, str) and self._kind.is_valid(response):
            self.responses.setdefault(row["text"], response)
        elif isinstance(reason, str):
            self.refused.setdefault(row["text"], reason)


def _set_aside(path: Path, kind: ResponseKind) -> bool:
    """Rename a file whose responses have another key than its name says, if that is possible."""
    renamed = path.with_suffix(".damaged")
    with suppress(OSError):
        path.replace(renamed)
    change = "it is not used" if path.exists() else f"it is renamed to {renamed.name}"
    notify(
        f"{path} is damaged: it has the {kind.noun} of another {kind.part}; {change}, and "
        f"{kind.noun} are requested again"
    )
    return not path.exists()


def _read_key(path: Path) -> dict[str, Any]:
    """The key of a file; nothing if its first line is damaged or no key."""
    try:
        with path.open("rb") as file:
            payload = decode_line(file.readline())
    except OSError:
        return {}
    header = json.loads(payload) if payload else {}
    return dict(header.get("key", {}))
