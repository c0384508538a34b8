"""`egoexobench show KIND NAME`."""

from __future__ import annotations

import click

from egoexobench.cli.common_options import JSON_OPTION
from egoexobench.cli.completion import complete_parts
from egoexobench.cli.plugins import load_registry
from egoexobench.part_description import describe_part
from egoexobench.registry import PART_KINDS
from egoexobench.terminal import show_text


@click.command("show")
@click.argument("kind", type=click.Choice(PART_KINDS))
@click.argument("name", shell_complete=complete_parts())
@JSON_OPTION
@click.pass_context
def show_command(ctx: click.Context, kind: str, name: str, as_json: bool) -> None:
    """Show one part: its distribution, its options with their defaults, its docstring.

    For a method also every setting, with the source of its value.
    """
    part = load_registry(ctx).get_factory(kind, name)
    if not as_json:
        show_text(describe_part(part))
        return
    from egoexobench.cli.part_json import make_part_details

    show_text(make_part_details(part).model_dump_json(indent=2))
