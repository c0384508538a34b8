"""`egoexobench show KIND NAME`."""

from __future__ import annotations

import inspect
from typing import get_args

import click

from egoexobench.cli.plugins import registry
from egoexobench.errors import UsageError
from egoexobench.method import Method, Scale, evidence, settings
from egoexobench.options import REQUIRED, Option, describe_type, get_options
from egoexobench.registry import PART_KINDS, PartFactory

_LEARNT = ("blocks", "dropout", "epochs", "batch", "lr", "weight_decay", "schedule", "align")
"""Settings that decide nothing where nothing is trained."""


@click.command("show")
@click.argument("kind", type=click.Choice(PART_KINDS))
@click.argument("name")
@click.pass_context
def command(ctx: click.Context, kind: str, name: str) -> None:
    """Show one part: who brings it, its options with their defaults, its docstring.

    Of a method also every setting, beside it where the value was published.
    """
    part = registry(ctx).get_factory(kind, name)
    click.echo(f"{kind} {name}, from {part.distribution} ({part.plugin})\n")
    click.echo(inspect.getdoc(part.factory) or "No docstring.")
    found = list(get_options(part.factory).values())
    click.echo("\nOptions:" if found else "\nNo options.")
    for option in found:
        click.echo(f"  {_line(option)}")
    if kind == "method":
        _recipes(part)


def _recipes(part: PartFactory) -> None:
    for scale in get_args(Scale):
        try:
            method = part.factory(scale)
        except UsageError:
            continue  # the method does not come at this scale
        click.echo(f"\nAt scale {scale} (any of it can be replaced with --set):")
        for line in _settings(method):
            click.echo(f"  {line}")
        read = evidence(method)
        click.echo(f"  a video embedding reads: {', '.join(read['video'])}")
        click.echo(f"  a text embedding reads: {', '.join(read['text']) or 'nothing'}")


def _settings(method: Method) -> list[str]:
    """Each setting that decides something, and under it where its value comes from."""
    idle = () if method.objective else _LEARNT
    lines = []
    for name, value in settings(method).items():
        if name in ("name", "scale", *idle):
            continue
        lines.append(f"{name}={_text(value)}")
        if name in method.sources:
            lines.append(f"    {method.sources[name]}")
    return lines if method.objective else [*lines, "nothing is trained"]


def _line(option: Option) -> str:
    default = "required" if option.default is REQUIRED else f"default {_text(option.default)}"
    return f"{option.name}={describe_type(option.type)} ({default})"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)
