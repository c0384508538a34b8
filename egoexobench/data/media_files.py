"""Media files by name: the only module that decides where a media file is read from.

A name is a local path or ``s3://``, ``gs://`` or ``az://`` with bucket and key, and
``TAR#MEMBER`` is a file in an uncompressed tar.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from io import RawIOBase
from pathlib import Path, PurePosixPath
from typing import Any, cast

from egoexobench.data.media_source import LocalFile, MediaSource, MediaState
from egoexobench.data.stored_object import StoredObject
from egoexobench.data.tar_member import TarMember
from egoexobench.errors import MediaError
from egoexobench.object_store import is_stored_object

_MEMBER_NAME = re.compile(
    r"(?P<tar>.+?\.(?:tar(?:\.\w+)?|tgz|tbz2?|txz|tzst))#(?P<member>.+)", re.IGNORECASE | re.DOTALL
)


def split_member_name(name: str) -> tuple[str, str]:
    """Return the name of a file, and of the member in it; the member is empty without one.

    >>> split_member_name("shards/0001.tar#clip.mp4")
    ('shards/0001.tar', 'clip.mp4')
    >>> split_member_name("take #1.mp4")
    ('take #1.mp4', '')
    """
    match = _MEMBER_NAME.fullmatch(name) if "#" in name else None
    return (match["tar"], match["member"]) if match else (name, "")


def find_media_source(name: str) -> MediaSource:
    """Return where a media file is read from; nothing is opened."""
    file, member = split_member_name(name)
    source: MediaSource = StoredObject(file) if is_stored_object(file) else LocalFile(file)
    return TarMember(source, file, member) if member else source


def read_media_state(name: str) -> MediaState:
    """Return what changes if the content of a media file changes.

    Raises:
        DataError: if it is missing or cannot be read.
        OSError: as `os.stat`, for a local file.
    """
    return find_media_source(name).read_state()


def open_media_file(name: str) -> RawIOBase:
    """Open a media file to read its bytes.

    Raises:
        DataError: if it is missing or cannot be read.
        OSError: as the built-in `open`, for a local file.
    """
    return find_media_source(name).open()


def copy_media_file(name: str, path: Path) -> None:
    """Write the bytes of a media file to a local file.

    Raises:
        DataError: if it is missing or cannot be read.
        OSError: if it cannot be read or written.
    """
    source = find_media_source(name)
    if isinstance(source, LocalFile):
        shutil.copyfile(name, path)
        return
    with source.open() as file, path.open("wb") as copy:
        shutil.copyfileobj(cast(Any, file), copy, 1 << 20)


def link_media_file(name: str, path: Path) -> None:
    """Let a local path have the content of a media file; local files are not copied.

    Raises:
        DataError: if it is missing or cannot be read.
        OSError: if it cannot be read or written.
    """
    if not isinstance(find_media_source(name), LocalFile):
        copy_media_file(name, path)
        return
    try:
        os.link(name, path)
    except OSError:  # another disk, or a file system without hard links
        path.symlink_to(Path(name).resolve())


def find_missing_media(names: Iterable[str]) -> list[str]:
    """Return the media files that are missing, in the order of names.

    Raises:
        MediaError: for a tar that is compressed, cut or damaged.
    """
    return [name for name in sorted(set(names)) if not _is_present(name)]


def list_local_files(names: Iterable[str]) -> set[str]:
    """Return the local files that contain media files."""
    paths = (find_media_source(name).local_path for name in names)
    return {path for path in paths if path is not None}


def get_media_stem(name: str) -> str:
    """Return the last part of a name without its suffix.

    >>> get_media_stem("shards/0001.tar#kitchen/clip.mp4")
    'clip'
    """
    file, member = split_member_name(name)
    return PurePosixPath(member or file).stem


def _is_present(name: str) -> bool:
    source = find_media_source(name)
    if isinstance(source, LocalFile):
        return Path(name).is_file()
    try:
        source.read_state()
    except MediaError as error:
        if error.kind != "missing":
            raise
        return False
    except OSError:
        return False
    return True
