"""What the server answers: the files of the site, all in memory, and media by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, NamedTuple, final

from egoexobench.data.media_files import open_media_file

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
}
INDEX = "index.html"


class OpenMedia(NamedTuple):
    """An open media file, and the value of `Content-Type` for it."""

    file: Any
    content_type: str


@final
@dataclass(frozen=True)
class SiteContent:
    """One state of the site. A name is looked up, so that no request can name another file."""

    files: Mapping[str, bytes]
    """By name relative to the root of the site."""
    media: Mapping[str, str] = field(default_factory=dict)
    """Media file of each name that is not in ``files``."""

    @cached_property
    def version(self) -> str:
        """Hash of every file."""
        digest = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:16]

    def open_media(self, name: str) -> OpenMedia | None:
        """Open a media file; None for a name that no page gives.

        Raises:
            DataError: if it is missing or cannot be read.
            OSError: if it cannot be read.
        """
        source = self.media.get(name)
        if source is None:
            return None
        return OpenMedia(open_media_file(source), guess_content_type(name))

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
