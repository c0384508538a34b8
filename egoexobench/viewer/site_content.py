"""What the server answers: the files of the site, all in memory, and media by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import IO, NamedTuple, Protocol

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".png": "image/png",
}
INDEX = "index.html"


class OpenMedia(NamedTuple):
    """An open media file, and the value of `Content-Type` for it."""

    file: IO[bytes]
    content_type: str


class MediaByName(Protocol):
    """Media that pages name."""

    def open_file(self, name: str) -> OpenMedia | None:
        """Open a file by the name that pages give it; None for a name that they do not give.

        Raises:
            DataError: if it cannot be shown.
            OSError: if it cannot be read.
        """
        ...


@dataclass(frozen=True)
class SiteContent:
    """One state of the site. A name is looked up, so that no request can name another file."""

    files: Mapping[str, bytes]
    """By name relative to the root of the site."""
    media: MediaByName | None = field(default=None, compare=False)

    @cached_property
    def version(self) -> str:
        """Hash of every file."""
        digest = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:16]

    def find_name(self, path: str) -> str | None:
        """Return the name of the file at the path of an address; a folder has its index page."""
        name = path.removeprefix("/")
        if not name or name.endswith("/"):
            name += INDEX
        return name if name in self.files else None


def guess_content_type(name: str) -> str:
    """Return the value of `Content-Type` for the name of a file.

    >>> guess_content_type("runs/index.html")
    'text/html; charset=utf-8'
    """
    return _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
