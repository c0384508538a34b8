"""Parses Python list literals in table cells; the text is never executed."""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBERS = re.compile(r"\[\s*(?:\d{1,6}(?:\s*,\s*\d{1,6})*)?\s*\]")
_WORD = r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
_WORDS = re.compile(rf"\[\s*(?:{_WORD}(?:\s*,\s*{_WORD})*)?\s*\]")


@lru_cache(maxsize=4096)
def parse_numbers(text: str) -> tuple[int, ...]:
    """Return the integers of a literal such as ``[17, 52]``.

    Raises:
        ValueError: the text is anything else, such as code.
    """
    if not _NUMBERS.fullmatch(text.strip()):
        raise ValueError(f"{text[:60]!r} is not a list of integers such as [17, 52]")
    return tuple(int(digits) for digits in re.findall(r"\d+", text))


def parse_words(text: str) -> tuple[str, ...]:
    """Return the words of a literal such as ``['cut', "slice"]``.

    Raises:
        ValueError: the text is anything else, such as code.
    """
    if not _WORDS.fullmatch(text.strip()):
        raise ValueError(f"{text[:60]!r} is not a list of words such as ['cut', 'slice']")
    return tuple(re.sub(r"\\(.)", r"\1", word[1:-1]) for word in re.findall(_WORD, text))
