"""The command line of this process as it was typed, for jobs that run the same command."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import click
from click.core import ParameterSource


def iter_typed(ctx: click.Context, excluded: Collection[str] = ()) -> Iterator[str]:
    """Yield the arguments of `egoexobench` that were typed, without some options.

    Args:
        ctx: of the command.
        excluded: names of parameters.
    """
    for name in ctx.obj or ():
        yield from ("-p", f"no:{name}")
    yield str(ctx.command.name)
    for parameter in ctx.command.params:
        name, value = str(parameter.name), ctx.params.get(str(parameter.name))
        values = value if isinstance(value, tuple) else (value,)
        if isinstance(parameter, click.Argument):
            # other options follow, so that `--` cannot say that a file has such a name
            yield from (f"./{text}" if text.startswith("-") else text for text in map(str, values))
        elif name not in excluded and is_typed(ctx, name):
            option = max(parameter.opts, key=len)
            for item in values:
                yield from (option,) if item is True else (option, str(item))


def is_typed(ctx: click.Context, name: str) -> bool:
    """Whether the user gave a parameter, by its name in Python."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
