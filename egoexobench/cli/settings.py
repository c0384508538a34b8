"""The options of every verb that trains a method, and how they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from egoexobench.errors import UsageError

_OPTIONS = (
    click.option(
        "--dataset",
        default="synthetic",
        show_default=True,
        metavar="NAME[:KEY=VALUE,...]",
        help="See `list dataset`.",
    ),
    click.option(
        "--scale", type=click.Choice(["compact", "paper"]), default="compact", show_default=True
    ),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True),
    click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Replace a part or a setting."
    ),
    click.option(
        "--missing-audio",
        type=click.Choice(["error", "skip", "mask"]),
        default="error",
        show_default=True,
        help="What to do about clips without sound.",
    ),
)


def setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add data set, scale, seed, settings and what to do about missing sound to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def pairs(settings: tuple[str, ...]) -> dict[str, str]:
    """Return settings by name, from `KEY=VALUE`."""
    split = [setting.partition("=") for setting in settings]
    for key, equals, _ in split:
        if not equals:
            raise UsageError(f"--set takes KEY=VALUE, not {key!r}")
    return {key: value for key, _, value in split}
