"""`egoexobench show KIND NAME`."""

from __future__ import annotations

import click

from egoexobench.cli.completion import complete_parts
from egoexobench.cli.plugins import load_registry
from egoexobench.part_description import describe_part
from egoexobench.registry import PART_KINDS
from egoexobench.terminal import show_text


@click.command("show")
@click.argument("kind", type=click.Choice(PART_KINDS))
@click.argument("name", shell_complete=complete_parts())
@click.pass_context
def show_command(ctx: click.Context, kind: str, name: str) -> None:
    """Show one part: its distribution, its options with their defaults, its docstring.

    For a method also every setting, with the source of its value.
    """
    show_text(describe_part(load_registry(ctx).get_factory(kind, name)))
