"""Where the bytes of a media file are: what every kind of place answers, and the local disk."""

from __future__ import annotations

import os
from io import RawIOBase
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple, Protocol, final

from egoexobench.errors import DataError, MediaError


class MediaState(NamedTuple):
    """What changes if the content of a media file changes."""

    size: int
    mtime_ns: int
    ctime_ns: int
    content_key: str = ""
    """Names the content, where its place does so; otherwise one reads the file for that."""


class MediaSource(Protocol):
    """One media file, wherever it is."""

    @property
    def local_path(self) -> str | None:
        """The local file that contains it; None if there is none."""
        ...

    def read_state(self) -> MediaState:
        """Return its state.

        Raises:
            DataError: if it is missing or cannot be read.
            OSError: as `os.stat`.
        """
        ...

    def open(self) -> RawIOBase:
        """Open it; one can seek in it, and each call gives a file of its own.

        Raises:
            DataError: if it is missing or cannot be read.
            OSError: as the built-in `open`.
        """
        ...


class SeekableFile(RawIOBase):
    """The position in a file of known size; a subclass reads from there.

    Args:
        size: of the file, bytes.
        name: for messages.
    """

    def __init__(self, *, size: int, name: str) -> None:
        self._size, self.name = size, name
        self._position = 0

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether the position can be set."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the position, which may be behind the end, and return it."""
        self._position = max((0, self._position, self._size)[whence] + offset, 0)
        return self._position


@final
class LocalFile:
    """A file of this machine."""

    def __init__(self, path: str) -> None:
        self.local_path: str | None = path
        self._path = path

    def read_state(self) -> MediaState:
        """Return its state.

        Raises:
            DataError: if it is no regular file: one waits for ever for a pipe that nobody fills.
            OSError: as `os.stat`.
        """
        stat = os.stat(self._path)
        if not S_ISREG(stat.st_mode):
            raise DataError(f"cannot read media file {self._path}: it is no regular file")
        return MediaState(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)

    def check_presence(self) -> None:
        """Check that there is a file.

        Raises:
            MediaError: if there is none.
        """
        if Path(self._path).is_dir():
            raise MediaError("not_media", f"{self._path} is a folder, and not a media file")
        if not Path(self._path).is_file():
            raise MediaError("missing", f"media file {self._path} is missing")

    def open(self) -> RawIOBase:
        """Open it, as `read_state`."""
        self.read_state()
        return open(self._path, "rb", buffering=0)
