"""Completion of part names in a shell, for arguments that are ``NAME[:KEY=VALUE,...]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from egoexobench.registry import Registry

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def complete_parts(
    kind: str | None = None,
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return a completer of the installed parts of a kind, each with its line of help.

    Args:
        kind: of the parts; None: the argument ``kind`` of the command.
    """

    def complete(
        ctx: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        del parameter
        return [
            CompletionItem(part.name, help=part.summary)
            for part in Registry().list_parts(kind or ctx.params["kind"])
            if part.name.startswith(incomplete)
        ]

    return complete
