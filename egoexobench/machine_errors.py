"""What the machine refuses, as one line: a full disk, a folder that cannot be written, no memory.

Libraries report a full disk in their own ways. These functions recognize all of them, so that
every file that is written ends in the same line, which names it.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from egoexobench.errors import WriteError, notify

_MACHINE_ERRORS = frozenset(
    {
        errno.EACCES,
        errno.EAGAIN,  # no further process
        errno.EBUSY,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.ELOOP,
        errno.EMFILE,
        errno.ENAMETOOLONG,
        errno.ENFILE,
        errno.ENOLCK,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EPERM,
        errno.EROFS,
        errno.ESTALE,
    }
)
_NATIVE_ERROR = re.compile(r"\(os error (\d+)\)")
"""The end of an error of safetensors, which is no `OSError`."""
_NO_MEMORY = re.compile(r"can't allocate memory|out of memory|not enough memory", re.IGNORECASE)
"""In an error of torch, which is a `RuntimeError`."""


def find_machine_reason(error: BaseException) -> str | None:
    """Return what the machine refused, whatever the code is; None for any other error.

    >>> find_machine_reason(OSError(errno.ENOSPC, "No space left on device"))
    'No space left on device'
    >>> find_machine_reason(ValueError("a number"))
    """
    if isinstance(error, OSError):
        return error.strerror if error.errno in _MACHINE_ERRORS else None
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error))
    ):
        return "not enough memory"
    native = _NATIVE_ERROR.search(str(error))
    return os.strerror(int(native[1])) if native else None


@contextmanager
def name_written_file(path: Path) -> Iterator[None]:
    """Say which file could not be written if the code below writes it and fails.

    Raises:
        WriteError: if the machine refuses to create its folder, to open it or to write to it.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.strerror and _is_of_file(error, path):
            raise WriteError(path, error.strerror) from error
        if not isinstance(error, OSError) and (reason := find_machine_reason(error)):
            raise WriteError(path, reason) from error
        raise


@contextmanager
def skip_if_unwritable() -> Iterator[None]:
    """Go on, with a note for each folder, where a file that only saves time cannot be written."""
    try:
        yield
    except WriteError as error:
        _notify_once(error.path.parent, error.reason)


@cache
def _notify_once(folder: Path, reason: str) -> None:
    notify(f"cannot write to {folder}: {reason}; what it would save is computed again next time")


def _is_of_file(error: OSError, path: Path) -> bool:
    """Whether an error belongs to a file, its draft or its folders; one without a name does."""
    if not isinstance(error.filename, str):
        return error.filename is None
    name = Path(error.filename)
    return name.parent == path.parent or name in path.parents
