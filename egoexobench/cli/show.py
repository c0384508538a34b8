"""`egoexobench show KIND NAME`."""

from __future__ import annotations

import inspect

import click

from egoexobench.cli.plugins import registry
from egoexobench.options import REQUIRED, Option, describe, options
from egoexobench.registry import KINDS


@click.command("show")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.pass_context
def command(ctx: click.Context, kind: str, name: str) -> None:
    """Show one part: who brings it, its options with their defaults, its docstring."""
    part = registry(ctx).find(kind, name)
    owner = part.owner
    click.echo(f"{kind} {name}, from {owner.distribution} {owner.version} ({part.plugin})\n")
    click.echo(inspect.getdoc(part.factory) or "No docstring.")
    found = list(options(part.factory).values())
    click.echo("\nOptions:" if found else "\nNo options.")
    for option in found:
        click.echo(f"  {_line(option)}")


def _line(option: Option) -> str:
    default = "required" if option.default is REQUIRED else f"default {_text(option.default)}"
    return f"{option.name}={describe(option.type)} ({default})"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)
