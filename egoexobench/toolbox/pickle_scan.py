"""Reads the instructions of a torch file before torch does, and stops what would not end.

The weights-only unpickler of torch runs no foreign code, but a small file can still ask it for
hours or for all memory: by tuples of tuples as keys, whose hash takes exponential time, or by a
call that allocates. So the instructions are counted, and such calls are refused. An instruction
that is not known here ends the scan, and torch refuses it in the same place.
"""

from __future__ import annotations

import mmap
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, final

from egoexobench.errors import DataError

MAX_INSTRUCTIONS = 250_000
BYTES_PER_INSTRUCTION = 64
"""A file may have this many instructions, and one more for each so many bytes of it."""
MAX_TUPLE_ITEMS = 10_000
"""Items of a tuple, with those of the tuples in it as often as they occur."""
MAX_INTEGER_BYTES = 10
"""Of an integer; the magic number of the format before zip has as many."""
ARCHIVE_MAGIC = b"PK\x03\x04"
NUM_OLD_PICKLES = 5
"""A file before zip has the magic number, version, machine, content, names of storages."""
DENSE_REBUILDS = ("tensor", "tensor_v2", "tensor_v3", "parameter", "parameter_with_state")
"""The functions ``torch._utils._rebuild_...`` that make a dense tensor of stored values."""
BYTES_ENCODINGS = ("latin1", "latin-1")
"""How a pickle of protocol 2 writes bytes."""

_FIXED = {b"J": 4, b"K": 1, b"M": 2, b"G": 8}
"""Numbers, with the length of their value."""
_COUNTED = {b"X": 4, b"U": 1, b"\x8a": 1}
"""Texts and integers, with the length of their length."""
_STORED, _FETCHED = {b"q": 1, b"r": 4}, {b"h": 1, b"j": 4}
"""Instructions of the memo, with the length of their index."""
_SIMPLE = b"N\x88\x89]}\x8f"
"""Constants, and containers that are empty at first."""
_POPPED = {b"a": 1, b"s": 2, b"b": 1, b"Q": 0}
"""Items that an instruction takes from the stack, beside the one that it leaves there."""
_TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}


class _Item(NamedTuple):
    """What is known of a value: its text, the items of a tuple with those inside, a tuple's end."""

    text: str = ""
    num_items: int = 1
    last_text: str = ""


_ANY = _Item()
_ENCODE, _TENSOR_CLASS = _Item("the function _codecs.encode"), _Item("a class of tensors")


def check_pickles(path: Path) -> None:
    """Check the instructions of a torch file.

    Raises:
        DataError: if reading the file could take very long or very much memory, or if it contains
            a tensor that is not dense.
    """
    size = path.stat().st_size
    budget = MAX_INSTRUCTIONS + size // BYTES_PER_INSTRUCTION
    for content, num_pickles in _read_pickles(path, size):
        scan = _PickleScan(path, content, budget)
        try:
            scan.read_pickles(num_pickles)
        except (IndexError, ValueError):
            return  # cut short or damaged, which torch says


def is_archive(path: Path) -> bool:
    """Whether torch reads a file as an archive; the format before it has none."""
    with path.open("rb") as file:
        return file.read(len(ARCHIVE_MAGIC)) == ARCHIVE_MAGIC


def _read_pickles(path: Path, size: int) -> Iterator[tuple[bytes | mmap.mmap, int]]:
    """Yield the bytes of each part with instructions, and how many pickles are in it."""
    if not is_archive(path):
        if size:
            with (
                path.open("rb") as file,
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
            ):
                yield content, NUM_OLD_PICKLES
        return
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise DataError(f"{path} is a compressed archive; save it again with torch.save")
            for entry in entries:
                if entry.filename.endswith(".pkl") and entry.file_size <= size:
                    yield archive.read(entry), 1
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError) as error:
        raise DataError(
            f"{path} is not a complete torch file: its archive is truncated or damaged"
        ) from error


@final
class _PickleScan:
    """A stack machine that knows of each value only what `_Item` says."""

    def __init__(self, path: Path, content: bytes | mmap.mmap, budget: int) -> None:
        self.path, self.content, self.budget = path, content, budget
        self.position = 0
        self.stack: list[_Item] = []
        self.marks: list[list[_Item]] = []
        self.memo: dict[int, _Item] = {}

    def read_pickles(self, count: int) -> None:
        for _ in range(count):
            self.stack, self.marks, self.memo = [], [], {}
            while self.read_instruction():
                self.budget -= 1
                if self.budget < 0:
                    raise DataError(f"{self.path} has too many values beside its tensors")
            if self.content[self.position - 1 : self.position] != b".":
                return

    def read_instruction(self) -> bool:  # noqa: PLR0912 - a table of instructions
        """Follow an instruction; False at the end of a pickle and for an unknown instruction."""
        code = self.take(1)
        if code in _FIXED:
            self.take(_FIXED[code])
            self.stack.append(_ANY)
        elif code in _COUNTED:
            self.stack.append(self.read_counted(code))
        elif code in _STORED:
            self.memo[self.read_number(_STORED[code])] = self.stack[-1]
        elif code in _FETCHED:
            self.stack.append(self.memo.get(self.read_number(_FETCHED[code]), _ANY))
        elif code in _TUPLES:
            self.push_tuple(self.pop(_TUPLES[code]))
        elif code in _POPPED:
            self.pop(_POPPED[code])
        elif code == b"(":
            self.marks.append(self.stack)
            self.stack = []
        elif code in (b"t", b"e", b"u"):
            items, self.stack = self.stack, self.marks.pop()
            if code == b"t":
                self.push_tuple(items)
        elif code == b")":
            self.stack.append(_ANY)
        elif code == b"c":
            self.stack.append(self.read_global())
        elif code in (b"R", b"\x81"):
            self.call_function()
        elif code == b"\x80":
            self.take(1)
        elif code and code in _SIMPLE:
            self.stack.append(_ANY)
        else:
            return False
        return True

    def take(self, count: int) -> bytes:
        self.position += count
        if self.position > len(self.content):
            raise IndexError
        return self.content[self.position - count : self.position]

    def read_number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "little")

    def read_counted(self, code: bytes) -> _Item:
        count = self.read_number(_COUNTED[code])
        if code == b"\x8a" and count > MAX_INTEGER_BYTES:
            raise DataError(f"{self.path} contains an integer of {count} bytes")
        value = self.take(count)
        return _Item(value[:64].decode(errors="replace")) if code == b"X" else _ANY

    def read_global(self) -> _Item:
        module, name = self.read_line(), self.read_line()
        if refusal := _find_refusal(module, name):
            raise DataError(f"{self.path} contains {refusal}; only dense tensors are read")
        if module.partition(".")[0] == "torch" and name.endswith("Tensor"):
            return _TENSOR_CLASS
        return _ENCODE if (module, name) == ("_codecs", "encode") else _ANY

    def read_line(self) -> str:
        end = self.content.find(b"\n", self.position)
        if end < 0:
            raise IndexError
        return self.take(end + 1 - self.position).decode().strip()

    def pop(self, count: int) -> list[_Item]:
        return [self.stack.pop() for _ in range(count)][::-1]

    def push_tuple(self, items: list[_Item]) -> None:
        if any(item is _ENCODE for item in items) or items[:1] == [_TENSOR_CLASS]:
            raise DataError(f"{self.path} calls a function in a way that is not read")
        num_items = 1 + sum(item.num_items for item in items)
        if num_items > MAX_TUPLE_ITEMS:
            raise DataError(f"{self.path} contains tuples in tuples with too many items")
        self.stack.append(_Item("", num_items, items[-1].text if items else ""))

    def call_function(self) -> None:
        function, arguments = self.pop(2)
        if function is _TENSOR_CLASS:
            raise DataError(f"{self.path} contains a tensor without stored values")
        if function is _ENCODE and arguments.last_text not in BYTES_ENCODINGS:
            raise DataError(f"{self.path} contains bytes that are not written as latin1")
        self.stack.append(_ANY)


def _find_refusal(module: str, name: str) -> str:
    """Return what a function makes that is not read; empty if its result is."""
    if module == "builtins" and name == "bytearray":
        return "a bytearray"
    rebuilt = name.removeprefix("_rebuild_")
    if module == "torch._utils" and rebuilt != name and rebuilt not in DENSE_REBUILDS:
        return f"a tensor of another kind ({rebuilt})"
    return ""
