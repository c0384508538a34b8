"""Media files inside an uncompressed tar, which are read in place by their offset.

The headers of a tar are read once. A tar that is compressed, cut or damaged is refused as a whole,
because nobody knows what it lacks.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from io import RawIOBase
from threading import Lock
from typing import Any, cast, final

from egoexobench.data.media_source import MediaSource, MediaState, SeekableFile
from egoexobench.errors import MediaError

MAX_INDEXED_MEMBERS = 2_000_000
"""Number of members whose offsets stay in memory."""
_COMPRESSION_STARTS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}
_Members = Mapping[str, tuple[int, int] | None]
"""Offset and size by name; None for what is no file, such as a folder or a link."""

_indexes: dict[tuple[str, MediaState], _Members] = {}
_locks: dict[str, Lock] = {}


@final
class TarMember:
    """A file inside a tar.

    Args:
        source: the tar.
        tar: name of the tar, for messages.
        member: name of the file in the tar; ``./`` at its start does not count.
    """

    def __init__(self, source: MediaSource, tar: str, member: str) -> None:
        self._source, self._tar, self._member = source, tar, member

    @property
    def local_path(self) -> str | None:
        """The tar, if it is a local file."""
        return self._source.local_path

    def read_state(self) -> MediaState:
        """Return the size of the file, the times of the tar and what names its content.

        Raises:
            MediaError: if the tar is missing, compressed, cut or damaged, or lacks the file.
        """
        state = self._read_tar_state()
        offset, size = self._find(state)
        key = f"{state.content_key} {offset}" if state.content_key else ""
        return state._replace(size=size, content_key=key)

    def open(self) -> RawIOBase:
        """Open the part of the tar that is the file.

        Raises:
            MediaError: as `read_state`.
        """
        offset, size = self._find(self._read_tar_state())
        return _MemberFile(
            self._source.open(), offset=offset, size=size, name=f"{self._tar}#{self._member}"
        )

    def _read_tar_state(self) -> MediaState:
        try:
            return self._source.read_state()
        except FileNotFoundError:
            raise MediaError("missing", f"tar file {self._tar} is missing") from None

    def _find(self, state: MediaState) -> tuple[int, int]:
        members = _read_index(self._source, self._tar, state)
        name = _normalize_name(self._member)
        if name not in members:
            raise MediaError("missing", f"{self._tar} has no member {self._member!r}")
        place_in_tar = members[name]
        if place_in_tar is None:
            raise MediaError(
                "not_media", f"member {self._member!r} of {self._tar} is a link or a folder"
            )
        return place_in_tar


def _normalize_name(name: str) -> str:
    return name.removeprefix("./")


def _read_index(source: MediaSource, tar: str, state: MediaState) -> _Members:
    """Return where the members are; the headers of a tar are read once while it is the same."""
    with _locks.setdefault(tar, Lock()):
        members = _indexes.get((tar, state))
        if members is None:
            with source.open() as file:
                members = list_members(file, tar)
            if sum(map(len, [*_indexes.values()])) + len(members) > MAX_INDEXED_MEMBERS:
                _indexes.clear()
            _indexes[tar, state] = members
    return members


def list_members(file: RawIOBase, tar: str) -> _Members:
    """Return offset and size of each file in a tar, in its order, and None for a folder or a link.

    Raises:
        MediaError: if the tar is compressed, cut or damaged.
    """
    start = file.read(8) or b""
    for magic, compression in _COMPRESSION_STARTS.items():
        if start.startswith(magic):
            raise MediaError(
                "not_media",
                f"{tar} is compressed with {compression}, so that its members cannot be read in "
                "place; unpack it, or write it again as a tar without compression",
            )
    file.seek(0)
    members: dict[str, tuple[int, int] | None] = {}
    end = -1
    try:
        archive = tarfile.open(fileobj=cast(Any, file), mode="r:")  # noqa: SIM115 - closed below
        while (member := archive.next()) is not None:
            if member.offset <= end or member.size < 0:  # numbers that would lead in a circle
                raise MediaError("not_media", f"{tar} is damaged at byte {member.offset}")
            end = member.offset
            is_file = member.isreg() and not member.issparse()
            members[_normalize_name(member.name)] = (
                (member.offset_data, member.size) if is_file else None
            )
            cast(Any, archive).members = []  # it would keep a description of each
        end = cast(Any, archive).offset
    except (tarfile.TarError, ValueError, ArithmeticError, RecursionError, EOFError) as error:
        raise MediaError(*_explain_fault(tar, error)) from error
    file.seek(end)
    if (file.read(tarfile.BLOCKSIZE) or b"") != bytes(tarfile.BLOCKSIZE):
        raise MediaError(
            "truncated",
            f"{tar} is cut or damaged: there is neither a member nor its end at byte {end}",
        )
    return members


def _explain_fault(tar: str, error: Exception) -> tuple[Any, str]:
    if "unexpected end of data" in str(error):
        return "truncated", f"{tar} is cut: it ends inside a member"
    reason = str(error).partition("\n")[0]
    return "not_media", f"{tar} is not a tar file, or damaged: {reason}"


@final
class _MemberFile(SeekableFile):
    """A part of a file, read as a file of its own."""

    def __init__(self, file: RawIOBase, *, offset: int, size: int, name: str) -> None:
        super().__init__(size=size, name=name)
        self._file, self._offset = file, offset

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer)[: max(self._size - self._position, 0)]
        if not target:
            return 0
        self._file.seek(self._offset + self._position)
        num_bytes = self._file.readinto(target) or 0
        self._position += num_bytes
        return num_bytes

    def close(self) -> None:
        self._file.close()
        super().close()
