"""Checksums of what is read back from disk, so that damage is noticed before it is believed.

JSON of any kind has one form: a line ``{"checksum": "0123456789abcdef", "payload": ...}`` with the
checksum of the bytes of the payload. A file is one such line, or many that are appended:

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> folder = TemporaryDirectory()
>>> path = Path(folder.name, "scores.json")
>>> write_json(path, '{"score": 1}')
>>> read_json(path)
'{"score": 1}'
>>> append_lines(path, ['{"score": 2}'])
>>> read_lines(path).payloads
['{"score": 1}', '{"score": 2}']

`read_json` raises `DamagedFileError`, a `DataError` that names the file. Where the content cannot
be made again, nothing else is needed. Where it can, `read_intact` says in one line that it is:

>>> read_intact(read_json, Path(folder.name, "no-such-file"), "it is computed again") is None
True

`egoexobench.tensor_file` does the same for safetensors files.

A checksum finds accidents: bits that flip, pages of zeros, a cut. It is no signature.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar, final

import xxhash

from egoexobench.errors import DataError, WriteError, notify
from egoexobench.files import atomic_path
from egoexobench.machine_errors import name_written_file

_PREFIX, _MIDDLE, _END = b'{"checksum": "', b'", "payload": ', b"}\n"
_NUM_HEX = 16
_PAYLOAD_START = len(_PREFIX) + _NUM_HEX + len(_MIDDLE)
_Buffer = bytes | bytearray | memoryview
_Content = TypeVar("_Content")


@final
class DamagedFileError(DataError):
    """The content of a file is not what was written.

    Args:
        path: the file.
        reason: what is wrong with it, in a few words.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is damaged: {reason}")
        self.path = path
        self.reason = reason


class CheckedLines(NamedTuple):
    """The payloads of the intact lines of a file, in order, and the number of other lines."""

    payloads: list[str]
    num_damaged: int


def compute_checksum(*buffers: _Buffer) -> str:
    """Return the XXH3 checksum, 64 bits, of some buffers one after the other, as 16 digits.

    >>> compute_checksum(b"ab", b"c") == compute_checksum(b"abc")
    True
    """
    digest = xxhash.xxh3_64()
    for buffer in buffers:
        digest.update(buffer)
    return digest.hexdigest()


def read_intact(read: Callable[[Path], _Content], path: Path, consequence: str) -> _Content | None:
    """Return what ``read`` returns; None if the file is missing or damaged.

    Args:
        read: reads the file; it raises `DamagedFileError` for a damaged one.
        path: the file.
        consequence: what follows from damage, for the one line that says it, such as ``the scores
            are computed again``.
    """
    try:
        return read(path)
    except FileNotFoundError:
        return None
    except DamagedFileError as error:
        notify(f"{error}; {consequence}")
        return None


def encode_line(payload: str) -> bytes:
    """Return the line of a JSON value, with its checksum.

    Raises:
        ValueError: if the value has a line break.
    """
    content = payload.encode("utf-8", "surrogatepass")
    if b"\n" in content:
        raise ValueError("a payload is JSON without a line break")
    return b"".join((_PREFIX, compute_checksum(content).encode(), _MIDDLE, content, _END))


def decode_line(line: bytes) -> str | None:
    """Return the payload of a line; None if the line is damaged."""
    content = line[_PAYLOAD_START:].removesuffix(_END)
    prefix = _PREFIX + compute_checksum(content).encode() + _MIDDLE
    if not line.startswith(prefix) or len(line) != len(prefix) + len(content) + len(_END):
        return None
    return content.decode("utf-8", "surrogatepass")


def write_json(path: Path, payload: str) -> None:
    """Write a JSON value, one line, with its checksum; the file is complete or not there.

    Raises:
        WriteError: if the machine refuses to write it.
    """
    with atomic_path(path) as tmp_path:
        tmp_path.write_bytes(encode_line(payload))


def read_json(path: Path) -> str:
    """Return the JSON value of a file as it was written.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if the content is not what was written, or has no checksum.
        DataError: if it cannot be read.
    """
    content = _read_bytes(path)
    payload = decode_line(content)
    if payload is None:
        reason = "its checksum differs" if content.startswith(_PREFIX) else "it has no checksum"
        raise DamagedFileError(path, reason if content else "it is empty")
    return payload


def append_lines(path: Path, payloads: Iterable[str]) -> None:
    """Append JSON values with one system call; the folder is created.

    Several processes can append to one file. A line that a killed process left incomplete stays
    alone on its line.

    Raises:
        WriteError: if the machine refuses to write them.
    """
    content = b"".join(map(encode_line, payloads))
    with name_written_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                content = b"\n" + content
            num_written = os.write(file, content)
        finally:
            os.close(file)
    if num_written != len(content):
        raise WriteError(path, "only part of a line was written; is the disk full?")


def read_lines(path: Path) -> CheckedLines:
    """Return the intact lines of a file; there are none if it does not exist.

    Raises:
        DataError: if it cannot be read.
    """
    payloads, num_damaged = [], 0
    try:
        with path.open("rb") as file:
            for line in file:
                payload = decode_line(line if line.endswith(b"\n") else line + b"\n")
                if payload is not None:
                    payloads.append(payload)
                elif line.strip():
                    num_damaged += 1
    except FileNotFoundError:
        return CheckedLines([], 0)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    return CheckedLines(payloads, num_damaged)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
