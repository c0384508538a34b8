"""Markdown that survives any name: escaped cells, columns that line up in the raw text too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DASH = "-"
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    r"""Return text that Markdown shows as it is, in one table cell, and HTML cannot read as a tag.

    >>> escape("SoundBridge* [3] | <b>")
    'SoundBridge\\* \\[3\\] \\| &lt;b&gt;'
    """
    line = " ".join(text.split())
    marked = re.sub(r"[\\`*_\[\]|~$]", r"\\\g<0>", line)
    return re.sub(r"[&<>]", lambda found: _ENTITIES[found[0]], marked)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Return a table of ready cells.

    Args:
        head: One header a column, escaped.
        rows: As many cells a row as there are headers, escaped.
        words: How many columns from the left hold words; the others are aligned as numbers.
    """
    widths = [max(3, *map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = ["-" * width for width in widths[:words]]
    rule += ["-" * (width - 1) + ":" for width in widths[words:]]
    lines = [_line(cells, widths, words) for cells in (head, rule, *rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str], widths: Sequence[int], words: int) -> str:
    padded = [
        cell.ljust(width) if place < words else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join(padded) + " |"


def bullets(items: Sequence[str]) -> str:
    """Return one bullet an item; items are ready Markdown."""
    return "".join(f"- {item}\n" for item in items)
