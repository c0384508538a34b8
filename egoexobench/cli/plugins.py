"""The registry of a command; plug-ins that cannot be loaded are reported once."""

from __future__ import annotations

import click

from egoexobench.registry import Registry

REGISTRY_KEY = "egoexobench.registry"
"""Key of the registry in the context of a command, so that an error can name its part."""


def load_registry(ctx: click.Context) -> Registry:
    """Load every plug-in that is not blocked; report on standard error those that fail."""
    registry = Registry(ctx.obj)
    for broken in registry.broken:
        click.echo(f"warning: {broken}", err=True)
    ctx.meta[REGISTRY_KEY] = registry
    return registry
