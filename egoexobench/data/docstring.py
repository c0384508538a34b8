"""Read a section of a factory's docstring."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from typing import Any

LICENSE_HEADING = "License:"
"""Section of a data set's docstring: the terms of the data set and how to apply for it."""
LISTS_HEADING = "Lists:"
"""Section that says by which rule the candidate lists were made."""
_OLD_HEADINGS = {LICENSE_HEADING: "Licence:"}


def read_docstring_section(factory: Callable[..., Any], heading: str) -> str | None:
    """Return a section of a docstring as one line; None if there is no such section."""
    headings = (heading, _OLD_HEADINGS.get(heading))
    lines = iter(cleandoc(factory.__doc__ or "").splitlines())
    if not any(line.strip() in headings for line in lines):
        return None
    section: list[str] = []
    for line in lines:
        if line and not line.startswith(" "):
            break
        section.append(line.strip())
    return " ".join(filter(None, section)) or None
