"""The registry of this call, with what is broken said once."""

from __future__ import annotations

import click

from egoexobench.registry import Registry


def registry(ctx: click.Context) -> Registry:
    """Load every plug-in that is not blocked; report the broken ones on standard error."""
    found = Registry(ctx.obj)
    for broken in found.broken:
        click.echo(f"warning: {broken}", err=True)
    return found
