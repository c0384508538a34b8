"""The command line: one file a command, imported when it is called."""

from __future__ import annotations

import atexit
import gc
import sys
import warnings
from functools import cache
from importlib import import_module
from typing import Any, TextIO, final

import click

from egoexobench.cli.interruption import ReceivedSignal, get_exit_code, raise_ending_signals
from egoexobench.errors import DataError, EgoExoBenchError, NoticeWarning, RenamedWarning
from egoexobench.machine_errors import find_machine_reason
from egoexobench.terminal import discard_rest, escape_unencodable, open_closed_streams, show_text
from egoexobench.visible_text import make_visible, make_visible_line, shorten_line

COMMANDS = {
    "answer": "Ask a multimodal model which candidate belongs to a query.",
    "audit": "Report which modalities a method uses.",
    "caption": "Write a sound caption for every narration of a data set.",
    "cite": "Print BibTeX of methods, data sets and other parts.",
    "compare": "Compare records: list their differences and test score differences.",
    "controls": "Score a method without the sound of one view, or with inputs of other takes.",
    "data": "Create a table of clips, check a data set, export clips and queries.",
    "embed": "Write the embeddings of a split, with their ids.",
    "extract": "Encode a data set once and store the features for later runs.",
    "leaderboard": "Write the tables of reported and reproduced scores.",
    "list": "List the installed parts and their distributions.",
    "merge": "Merge features that were extracted on several machines.",
    "plugin": "Write a plug-in of your own, and check it.",
    "run": "Train a method, score it and write the record of the run.",
    "sanity": "Score chance, oracle and shortcut baselines on every retrieval track.",
    "score": "Score embeddings or answers that were made elsewhere.",
    "score-frames": "Score embeddings of frames that were made elsewhere.",
    "show": "Show the options and the docstring of a part.",
    "show-recognition": "Draw a clip and the most probable classes of it for one or more runs.",
    "show-retrieval": "Draw the top results of one query for one or more runs.",
    "site": "Build a static site of runs and leaderboards.",
    "submit": "Put verified records and a card into a folder for a pull request.",
    "sweep": "Run methods on data sets with several seeds; write a paper's table.",
    "verify": "Recompute what a record says, without its method and its data.",
    "view": "Show runs and leaderboards in the browser.",
    "weights": "List published checkpoints, check or convert a file.",
}
"""The line of help of each command; `--help` prints them without importing a command."""
GARBAGE_OBJECTS = 20_000
"""Number of new objects after which cycles are searched for."""
INTERRUPTED = "interrupted: what was finished is stored, so repeat the command to continue"


@final
class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command by name."""
        del ctx
        return [*COMMANDS]  # `list` is the module of that command once it is imported

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; None if there is none."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = cmd_name.replace("-", "_")
        command: click.Command = getattr(
            import_module(f"egoexobench.cli.{module}"), f"{module}_command"
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands and their lines of help."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error for the user or of a part is one line and an exit code."""
        collect_garbage_rarely()
        open_closed_streams()
        escape_unencodable(sys.stdout, sys.stderr)
        with raise_ending_signals() as received:
            return self._invoke_command(ctx, received)

    def _invoke_command(self, ctx: click.Context, received: ReceivedSignal) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _show_warning
                warnings.simplefilter("always", NoticeWarning)
                return super().invoke(ctx)
        except KeyboardInterrupt:
            show_text(f"egoexobench: {INTERRUPTED}", is_error=True)
            ctx.exit(get_exit_code(received.number))
        except click.exceptions.Exit:  # the command has said how it ended
            raise
        except click.ClickException as error:
            vars(error)["message"] = shorten_line(make_visible(error.message))
            raise
        except Exception as error:
            if received.number is not None:  # a library answered the signal by another error
                show_text(f"egoexobench: {INTERRUPTED}", is_error=True)
                ctx.exit(get_exit_code(received.number))
            reported = _to_reported_error(ctx, error)
            if reported is None:
                raise
            if ctx.params["show_traceback"]:
                from traceback import format_exception

                show_text("".join(format_exception(error)), is_error=True)
            line = shorten_line(make_visible_line(str(reported)))
            show_text(f"egoexobench: {line}", is_error=True)
            ctx.exit(reported.exit_code)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; a record and a table are UTF-8, so that they must be as well."""
        for text in args:
            if text != text.encode(errors="replace").decode():
                raise click.UsageError(
                    f"the argument '{make_visible_line(text)}' is not UTF-8 text: rename the file"
                )
        try:
            return super().parse_args(ctx, args)  # prints --help
        except OSError as error:
            machine_error = _to_machine_error(error)
            if machine_error is None:
                raise
            show_text(f"egoexobench: {machine_error}", is_error=True)
            ctx.exit(machine_error.exit_code)


@cache
def collect_garbage_rarely() -> None:
    """Search for cycles of objects rarely, and not at the end of the process.

    The imports of a run create hundreds of thousands of objects that stay. To search them again and
    again, and a last time when the interpreter ends, takes a quarter of the seconds that they take.
    """
    gc.set_threshold(GARBAGE_OBJECTS, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)


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
    line_text = shorten_line(make_visible_line(str(message)))
    text = f"note: {line_text}" if issubclass(category, NoticeWarning) else f"warning: {line_text}"
    if not issubclass(category, (NoticeWarning, RenamedWarning)):
        text = warnings.formatwarning(message, category, filename, lineno, line=line)
    show_text(text.rstrip(), is_error=True)


def _to_reported_error(ctx: click.Context, error: Exception) -> EgoExoBenchError | None:
    """Return the error that is shown as one line; None for a bug, whose traceback is shown."""
    if isinstance(error, EgoExoBenchError):
        return error
    from egoexobench.cli.plugins import REGISTRY_KEY
    from egoexobench.part_errors import to_part_error

    part_error = to_part_error(error, ctx.meta[REGISTRY_KEY]) if REGISTRY_KEY in ctx.meta else None
    return part_error or _to_machine_error(error)


def _to_machine_error(error: Exception) -> DataError | None:
    """Return the line for a full disk, a folder that cannot be written and their like."""
    reason = find_machine_reason(error)
    if reason is None:
        return None
    name = error.filename if isinstance(error, OSError) else None
    if name is None:
        discard_rest(sys.stdout)  # where a help text may still wait
    return DataError(f"{reason}: {name}" if name else reason)


def _show_versions(ctx: click.Context, parameter: click.Parameter, is_requested: bool) -> None:
    del parameter
    if is_requested:
        from egoexobench.cli.version import show_versions

        show_versions(ctx)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-p",
    "plugins",
    multiple=True,
    metavar="no:NAME",
    help="Do not load this plug-in. May be repeated.",
)
@click.option(
    "--traceback",
    "show_traceback",
    is_flag=True,
    envvar="EGOEXOBENCH_TRACEBACK",
    help="Show the traceback of an error, also of an error in a plug-in.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_versions,
    help="Show the versions of the toolkit, of its libraries and of plug-ins, and exit.",
)
@click.pass_context
def main(ctx: click.Context, plugins: tuple[str, ...], show_traceback: bool) -> None:
    """Benchmark methods that associate first-person (ego) and third-person (exo) video."""
    del show_traceback  # `LazyGroup.invoke` reads it
    for plugin in plugins:
        if not plugin.startswith("no:"):
            raise click.UsageError(f"-p {plugin!r} is not valid: write no:NAME")
    ctx.obj = [plugin.removeprefix("no:") for plugin in plugins]
