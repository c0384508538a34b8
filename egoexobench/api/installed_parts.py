"""The installed parts; a plug-in that could not be loaded is a notice."""

from __future__ import annotations

from egoexobench.errors import notify
from egoexobench.registry import Registry


def load_installed_parts() -> Registry:
    """Return the registry of all plug-ins, and notify of each that could not be loaded."""
    registry = Registry()
    for broken in registry.broken:
        notify(str(broken))
    return registry
