"""The command line: one file a verb, imported when it is called."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any, TextIO, final

import click

from egoexobench.errors import EgoExoBenchError, RenamedWarning

VERBS = {
    "audit": "Swap each modality between clips and tell which of them a method reads.",
    "caption": "Write the sound caption of every narration into the store.",
    "compare": "Say in what records differ, and by how much for sure.",
    "data": "Draft a manifest, or examine what is there of a data set.",
    "embed": "Write a method's final embeddings of a split, with their ids.",
    "extract": "Encode a data set once and store the features for later runs.",
    "leaderboard": "Join reported and reproduced numbers into tables.",
    "list": "List the parts of a kind and who brings them.",
    "merge": "Join features that were extracted on several machines.",
    "run": "Train and score a method, and write the record of it.",
    "sanity": "Score guessing, knowing and shortcuts on every retrieval track.",
    "show": "Show a part's options and docstring.",
    "show-retrieval": "Draw a query and what runs found for it.",
    "sweep": "Run a grid of methods, data sets and seeds; end in a paper's table.",
    "weights": "List published checkpoints; check and convert one.",
}
"""Verb to its line of help: what `--help` prints without importing any of them."""


@final
class Verbs(click.Group):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb by name."""
        del ctx
        return [*VERBS]  # `list` is the module of that command once it is imported

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a verb; None if there is none."""
        del ctx
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(
            f"egoexobench.cli.{cmd_name.replace('-', '_')}"
        ).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs and their lines of help."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([*VERBS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error for the user or of a part is one line and an exit code."""
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _show_warning
                return super().invoke(ctx)
        except Exception as error:
            reported = _to_reported_error(ctx, error)
            if reported is None:
                raise
            if ctx.params["show_traceback"]:
                from traceback import print_exception

                print_exception(error)
            click.echo(f"egoexobench: {reported}", err=True)
            ctx.exit(reported.exit_code)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning for the user as one line, and any other one with where it comes from."""
    del file
    text = f"warning: {message}"
    if not issubclass(category, RenamedWarning):
        text = warnings.formatwarning(message, category, filename, lineno, line)
    click.echo(text.rstrip(), err=True)


def _to_reported_error(ctx: click.Context, error: Exception) -> EgoExoBenchError | None:
    """Return the error that is shown as one line; None for a bug, whose traceback is shown."""
    if isinstance(error, EgoExoBenchError):
        return error
    from egoexobench.cli.plugins import REGISTRY_KEY
    from egoexobench.part_errors import to_part_error

    return to_part_error(error, ctx.meta[REGISTRY_KEY]) if REGISTRY_KEY in ctx.meta else None


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-p",
    "plugins",
    multiple=True,
    metavar="no:NAME",
    help="Block a plug-in before it is loaded; may be given again.",
)
@click.option(
    "--traceback",
    "show_traceback",
    is_flag=True,
    envvar="EGOEXOBENCH_TRACEBACK",
    help="Show the traceback of an error, also of an error in a plug-in.",
)
@click.version_option(package_name="egoexobench")
@click.pass_context
def main(ctx: click.Context, plugins: tuple[str, ...], show_traceback: bool) -> None:
    """Benchmark methods that associate first-person (ego) and third-person (exo) video."""
    del show_traceback  # `Verbs.invoke` reads it
    for plugin in plugins:
        if not plugin.startswith("no:"):
            raise click.UsageError(f"-p takes no:NAME, not {plugin!r}")
    ctx.obj = [plugin.removeprefix("no:") for plugin in plugins]
