"""What a factory's docstring says under a heading."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from typing import Any

LICENSE_HEADING = "Licence:"
"""Section of a data set's docstring that says under which terms it comes and how to apply."""
LISTS_HEADING = "Lists:"
"""Section that says how its lists of candidates come about."""


def docstring_section(factory: Callable[..., Any], heading: str) -> str | None:
    """Return a section of a docstring in one line; None if there is none."""
    lines = iter(cleandoc(factory.__doc__ or "").splitlines())
    if heading not in (line.strip() for line in lines):
        return None
    found: list[str] = []
    for line in lines:
        if line and not line.startswith(" "):
            break
        found.append(line.strip())
    return " ".join(filter(None, found)) or None
