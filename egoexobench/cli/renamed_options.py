"""Options that were renamed: the old name still works, with a warning that states the new one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from egoexobench.terminal import show_text

_Command = TypeVar("_Command", bound=Callable[..., Any])


def add_renamed_option(
    name: str, old_name: str, *, value_type: click.ParamType[Any], help_text: str
) -> Callable[[_Command], _Command]:
    """Return a decorator that adds the option ``name``, which can also be set by ``old_name``."""
    key = f"{__name__}:{old_name}"

    def store_old(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        del param
        if value is not None:
            show_text(f"warning: {old_name} was renamed; use {name}", is_error=True)
            ctx.meta[key] = value

    def choose_value(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        del param
        return ctx.meta.get(key) if value is None else value

    new = click.option(name, type=value_type, help=help_text, callback=choose_value)
    old = click.option(
        old_name,
        type=value_type,
        hidden=True,
        expose_value=False,
        is_eager=True,
        callback=store_old,
    )
    return lambda command: new(old(command))
