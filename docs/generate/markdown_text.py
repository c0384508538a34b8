"""Plain text as Markdown: nothing in it is markup or HTML, except code spans."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

CODE_SPAN = re.compile(r"(`[^`\n]*`)")


def escape_markdown(text: str) -> str:
    """Escape what Markdown and HTML would read as markup; code spans stay."""
    parts = CODE_SPAN.split(text)
    return "".join(
        part if part.startswith("`") and part.endswith("`") else _escape_prose(part)
        for part in parts
    )


def _escape_prose(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([*_\[\]|\\`#~])", r"\\\1", text)


def format_code(text: str) -> str:
    """One code span; vertical lines in it do not end the cell of a table."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def format_code_block(text: str, language: str = "text") -> str:
    """A block of code that contains the text as it is."""
    return f"````{language}\n{text.rstrip()}\n````\n"


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |\n" for line in lines)
