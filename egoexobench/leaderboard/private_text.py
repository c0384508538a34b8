"""Finds what nobody wants to publish: absolute paths and names of users, in any text of a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from egoexobench.errors import DataError
from egoexobench.features.embeddings_file import read_header
from egoexobench.records.field_types import find_absolute_path
from egoexobench.records.store import read_text, split_lines

_HOME = re.compile(r"\.\.[\\/](?:\S*[\\/])?(?:home|Users)[\\/]+(?P<user>[^\\/\s,'\"]+)")
"""A relative path that leads to a home; a folder ``home`` of a data set is none."""
_SHARED_LOGINS = {"", "root", "user", "runner"}
"""Logins that name nobody, and stand in paths by chance."""


def find_private_text(text: str, login: str = "") -> str | None:
    r"""Return what a text tells of a machine or its user, in words; None if it tells nothing.

    Args:
        text: any text.
        login: name of the user, which must be no part of a path in it.

    >>> find_private_text("folder:path=/data/me/clips")
    "an absolute path, '/data/me/clips'"
    >>> find_private_text("path=../home/ann/clips")
    "the name of a user, 'ann'"
    >>> find_private_text("../ann/clips", login="ann")
    "the name of a user, 'ann'"
    >>> find_private_text("p7/ego or https://example.org/home/x", login="ann")
    """
    if path := find_absolute_path(text):
        return f"an absolute path, {path[:60]!r}"
    local = re.sub(r"https?://\S+", "", text)
    if match := _HOME.search(local):
        return f"the name of a user, {match['user'][:60]!r}"
    if login not in _SHARED_LOGINS and re.search(
        rf"(?:^|[\\/=:,\s]){re.escape(login)}[\\/]|[\\/]{re.escape(login)}(?:$|[\\/=:,\s])", local
    ):
        return f"the name of a user, {login!r}"
    return None


def check_file_texts(path: Path, login: str = "", max_length: int | None = None) -> None:
    """Check every text in a file of a record: keys, values, and the header of tensors.

    Args:
        path: a file of JSON, of JSON lines, or of safetensors.
        login: name of the user.
        max_length: characters of a text.

    Raises:
        DataError: with the file and the first text that must not be published.
    """
    for text in _iter_texts(path):
        if private := find_private_text(text, login):
            raise DataError(f"{path} contains {private}: make it again with relative paths")
        if max_length is not None and len(text) > max_length:
            raise DataError(f"{path} has a text of {len(text)} characters; at most {max_length}")


def _iter_texts(path: Path) -> Iterator[str]:
    if path.suffix == ".safetensors":
        for key, text in read_header(path).items():
            yield key
            yield from _iter_values(path, text) if text.startswith("[") else (text,)
        return
    text = read_text(path)
    for line in split_lines(text) if path.suffix == ".jsonl" else [text]:
        yield from _iter_values(path, line)


def _iter_values(path: Path, text: str) -> Iterator[str]:
    """Every text in JSON, also if an object has a key twice."""
    try:
        pending = [json.loads(text, object_pairs_hook=list)]
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {error}") from None
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, (list, tuple)):
            pending += value
