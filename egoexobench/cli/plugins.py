"""The registry of this call, with what is broken said once."""

from __future__ import annotations

import click

from egoexobench.registry import Registry

REGISTRY_KEY = "egoexobench.registry"
"""Where a command's registry is in the context, so that an error can name the part it is from."""


def registry(ctx: click.Context) -> Registry:
    """Load every plug-in that is not blocked; report the broken ones on standard error."""
    result = Registry(ctx.obj)
    for broken in result.broken:
        click.echo(f"warning: {broken}", err=True)
    ctx.meta[REGISTRY_KEY] = result
    return result
