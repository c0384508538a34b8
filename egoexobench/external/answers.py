"""Reads a file of answers of a system."""

from __future__ import annotations

from pathlib import Path

from egoexobench.evaluation.answers import Answer
from egoexobench.records.answers_file import parse_answers
from egoexobench.records.artifacts import ANSWERS_SUFFIX, MAX_BYTES, check_plain_size
from egoexobench.records.store import read_text


def read_answers(path: Path) -> dict[str, Answer]:
    """Return the answers of a file by the id of their query.

    Raises:
        DataError: if the file cannot be read, or with the line that is wrong.
    """
    check_plain_size(path, MAX_BYTES[ANSWERS_SUFFIX])
    return parse_answers(str(path), read_text(path).removeprefix("\ufeff"))
