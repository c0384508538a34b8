"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from egoexobench.errors import DataError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a draft to write to; it takes the name of ``path`` only if nothing fails.

    The folder is made if it is missing, the content is on disk before the name is, and a draft
    that failed is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def save(path: Path, text: str) -> None:
    """Write a text file whole or not at all; folders are made.

    Raises:
        DataError: if it cannot be written.
    """
    try:
        with whole(path) as draft:
            draft.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error
