"""The cache folder, and files that are written completely or not at all.

A file is written as a draft beside it, which is then renamed. The name of a draft says which
process writes it, so that what a killed process left behind can be told from what is being written.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from egoexobench.errors import DataError, WriteError
from egoexobench.machine_errors import name_written_file

STALE_AFTER_S = 86_400.0
"""Age from which on the draft of another host is taken to belong to a killed process, s."""
_DRAFT_NAME = re.compile(r"\..+?\.(?:(?P<host>[0-9a-f]{8})-)?(?P<pid>\d+)(?:-[0-9a-f]{8})?\.draft")
"""Also the form of versions up to 0.1, which has no host."""
_MAX_NAME = 60
"""Characters of a file's name that its draft repeats; a file system allows about 255 bytes."""


def cache_dir() -> Path:
    """Return the cache folder: ``EGOEXOBENCH_CACHE``, else ``~/.cache/egoexobench``.

    Raises:
        DataError: if the user has no home folder.
    """
    if folder := os.environ.get("EGOEXOBENCH_CACHE"):
        return Path(folder).expanduser()
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder) / "egoexobench"
    try:
        return Path.home() / ".cache" / "egoexobench"
    except RuntimeError as error:
        raise DataError("there is no home folder: set EGOEXOBENCH_CACHE to a folder") from error


@contextmanager
def atomic_path(path: Path, *, flush: bool = True) -> Iterator[Path]:
    """Give a temporary path to write to; it is renamed to ``path`` only if nothing fails.

    The folder is created if it is missing, and a temporary file is deleted after an error. The
    first call for a folder removes what killed processes left in it.

    Args:
        path: the file.
        flush: whether the content is on disk before the name is. Without it, a power cut may
            leave a file without its content: for many small files that are checked when read.

    Raises:
        WriteError: if the machine refuses to write it.
    """
    tmp_path = path.with_name(_make_draft_name(path.name))
    with name_written_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale_drafts_once(path.parent)
        try:
            yield tmp_path
            if flush:
                with tmp_path.open("rb+") as file:
                    os.fsync(file.fileno())
            tmp_path.replace(path)
        finally:
            tmp_path.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, hint: str) -> Iterator[Path]:
    """Give a new folder to fill; it is renamed to ``path`` only if nothing fails.

    Args:
        path: the folder; it must not exist, or be empty.
        hint: what to do if it exists, for the message.

    Raises:
        DataError: if it exists and is not empty.
        WriteError: if the machine refuses to write it.
    """
    draft = path.with_name(_make_draft_name(path.name))
    with name_written_file(draft):
        draft.mkdir(parents=True)
        _remove_stale_drafts_once(draft.parent)
        try:
            yield draft
            os.rename(draft, path)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise DataError(f"{path} already exists: {hint}") from None
            raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Give a new folder to fill; it takes the place of ``path`` only if nothing fails.

    The old folder is moved aside for the moment of the change, and then removed.

    Raises:
        WriteError: if the machine refuses to write it.
    """
    draft, old = (path.with_name(_make_draft_name(path.name)) for _ in range(2))
    with name_written_file(draft):
        draft.mkdir(parents=True)
        try:
            yield draft
            if path.exists():
                path.rename(old)
            draft.rename(path)
            remove_stale_drafts(path.parent)  # only now: one may be the old folder
        finally:
            if old.exists() and not path.exists():  # interrupted between both changes
                old.rename(path)
            shutil.rmtree(draft, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


def remove_stale_drafts(folder: Path) -> None:
    """Remove the drafts, files and folders, of killed processes; those of running processes stay.

    A process of this host is running or not. A draft of another host, or of another container of
    this host, is removed a day after it was last written to.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _DRAFT_NAME.fullmatch(entry.name) if entry.name.endswith(".draft") else None
            with suppress(OSError):  # another process was faster, or may not write here
                if match and _is_stale(entry, match["host"], int(match["pid"])):
                    if not entry.is_dir(follow_symlinks=False):
                        os.unlink(entry)
                    elif match["host"]:  # the old form had no folders
                        shutil.rmtree(entry.path)


@cache
def identify_host() -> str:
    """Return a short hash of the host and of the process numbers that are valid on it.

    Containers of one host may share its name, but have process numbers of their own.
    """
    parts = [platform.node()]
    with suppress(OSError):  # no Linux
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def write_text_atomic(path: Path, text: str) -> None:
    """Write a text file completely or not at all; folders are created.

    Raises:
        WriteError: if the machine refuses to write it.
    """
    with atomic_path(path) as tmp_path:
        tmp_path.write_text(text, encoding="utf-8", newline="\n")


def write_texts_atomic(texts: Mapping[Path, str]) -> None:
    """Write several text files: a file that cannot be written leaves every file as it was.

    Raises:
        WriteError: if the machine refuses to write one.
    """
    with ExitStack() as drafts:
        for path, text in texts.items():
            tmp_path = drafts.enter_context(atomic_path(path))
            tmp_path.write_text(text, encoding="utf-8", newline="\n")


def check_writable(path: Path, *, is_folder: bool = False) -> None:
    """Check, before long work, that a file, or files below a folder, can be written.

    Raises:
        WriteError: if it, or the folder in which it would be created, cannot be written.
    """
    existing = path
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir() and (is_folder or existing != path):
        raise WriteError(path, f"{existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK if existing.is_dir() else os.W_OK):
        is_read_only = os.statvfs(existing).f_flag & os.ST_RDONLY
        raise WriteError(path, os.strerror(errno.EROFS if is_read_only else errno.EACCES))


def _make_draft_name(name: str) -> str:
    return f".{name[:_MAX_NAME]}.{identify_host()}-{os.getpid()}-{secrets.token_hex(4)}.draft"


def _is_stale(entry: os.DirEntry[str], host: str | None, process: int) -> bool:
    if host == identify_host():
        return not _is_running(process)
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > STALE_AFTER_S


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # of another user, or no process number
        return True
    return True


@cache
def _remove_stale_drafts_once(folder: Path) -> None:
    remove_stale_drafts(folder)
