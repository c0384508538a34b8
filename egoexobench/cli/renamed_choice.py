"""A choice whose old names still work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import click

from egoexobench.terminal import show_text


@final
class RenamedChoice(click.Choice[str]):
    """One of some names; an old name becomes the new one, with a warning.

    Args:
        names: The names of today, which the help lists.
        renamed: Old to new name.
    """

    def __init__(self, names: Sequence[str], renamed: Mapping[str, str]) -> None:
        super().__init__(names)
        self.renamed = renamed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name of today."""
        if value in self.renamed and self.renamed[value] in self.choices:
            show_text(f"warning: {value!r} is now named {self.renamed[value]!r}", is_error=True)
            value = self.renamed[value]
        return super().convert(value, param, ctx)
