"""Reads files of multiple-choice questions in EgoVLP's layout, which EgoExoLearn has too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from egoexobench.errors import DataError

DUPLICATE_KEY = "\0duplicate"
"""Key of an object, at any depth, whose value is a key that stands twice in it."""


def read_question_entries(path: Path | str, data: bytes | str) -> dict[str, Any]:
    """Return the entries of a JSON object of questions by their key; they are not checked.

    Args:
        path: of the file, for messages.
        data: its content.

    Raises:
        DataError: if it is no such object, or a question stands in it twice.
    """
    try:
        entries = json.loads(data, object_pairs_hook=_mark_duplicate)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(entries, dict) or not entries:
        raise DataError(
            f"{path} must contain a JSON object of questions with the keys '0', '1', ..."
        )
    if DUPLICATE_KEY in entries:
        raise DataError(f"{path}: question {entries[DUPLICATE_KEY]!r} appears twice")
    return entries


def _mark_duplicate(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = dict(pairs)
    if len(entry) < len(pairs):
        keys = [key for key, _ in pairs]
        entry[DUPLICATE_KEY] = next(key for key in keys if keys.count(key) > 1)
    return entry
