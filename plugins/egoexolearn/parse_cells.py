"""Python list literals read as data: nothing in them is ever run."""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBERS = re.compile(r"\[\s*(?:\d{1,6}(?:\s*,\s*\d{1,6})*)?\s*\]")
_WORD = r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
_WORDS = re.compile(rf"\[\s*(?:{_WORD}(?:\s*,\s*{_WORD})*)?\s*\]")


@lru_cache(maxsize=4096)
def numbers(text: str) -> tuple[int, ...]:
    """Return the whole numbers of a literal such as ``[17, 52]``.

    Raises:
        ValueError: it is anything else, code above all.
    """
    if not _NUMBERS.fullmatch(text.strip()):
        raise ValueError(f"{text[:60]!r} is no list of whole numbers such as [17, 52]")
    return tuple(int(digits) for digits in re.findall(r"\d+", text))


def words(text: str) -> tuple[str, ...]:
    """Return the words of a literal such as ``['cut', "slice"]``.

    Raises:
        ValueError: it is anything else, code above all.
    """
    if not _WORDS.fullmatch(text.strip()):
        raise ValueError(f"{text[:60]!r} is no list of words such as ['cut', 'slice']")
    return tuple(re.sub(r"\\(.)", r"\1", word[1:-1]) for word in re.findall(_WORD, text))
