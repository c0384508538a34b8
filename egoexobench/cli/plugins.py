"""The registry of a command; plug-ins that cannot be loaded are reported once."""

from __future__ import annotations

import click

from egoexobench.registry import Registry
from egoexobench.terminal import reserve_output, show_text
from egoexobench.visible_text import make_visible_line, shorten_line

REGISTRY_KEY = "egoexobench.registry"
"""Key of the registry in the context of a command, so that an error can name its part."""


def load_registry(ctx: click.Context) -> Registry:
    """Load every plug-in that is not blocked; report on standard error those that fail.

    From here on, what plug-ins print goes to standard error.
    """
    ctx.with_resource(reserve_output())
    registry = Registry(ctx.obj)
    for broken in registry.broken:
        show_text(f"warning: {shorten_line(make_visible_line(str(broken)))}", is_error=True)
    ctx.meta[REGISTRY_KEY] = registry
    return registry
