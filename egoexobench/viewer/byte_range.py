"""Reads the header `Range`, by which a browser plays and seeks in a media file (RFC 9110, 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes of a file; ``last`` is the last one, and not the one after it."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.last - self.first + 1


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Return the bytes that a request asks for; None for all of the file.

    A header that is no single range of bytes is ignored, as the standard allows.

    Args:
        header: the value of `Range`; None if the request has none.
        size: of the file, bytes.

    Raises:
        ValueError: if the range has no byte of the file.

    >>> parse_range("bytes=2-", 10)
    ByteRange(first=2, last=9)
    >>> parse_range("bytes=-3", 10)
    ByteRange(first=7, last=9)
    >>> parse_range("bytes=5-2", 10)
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:
        first, last = max(size - int(match["last"]), 0), size - 1
    else:
        first, last = int(match["first"]), int(match["last"] or size - 1)
        if match["last"] and last < first:
            return None
    if first >= size:
        raise ValueError(f"the file has {size} bytes")
    return ByteRange(first, min(last, size - 1))
