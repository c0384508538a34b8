"""The help text of every command is pinned."""

from collections.abc import Callable, Iterator

import click
from click.testing import CliRunner

from egoexobench.cli import main

WIDTH = 100


def test_every_command_prints_its_pinned_help(read_pinned: Callable[[str, str], str]) -> None:
    pages = [_render_help(words) for words in _walk_commands(main, ())]
    current = "\n".join(pages)
    assert current == read_pinned("help.txt", current)


def _walk_commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the words that call each command and each subcommand."""
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            subcommand = command.get_command(context, name)
            assert subcommand is not None, name
            yield from _walk_commands(subcommand, (*words, name))


def _render_help(words: tuple[str, ...]) -> str:
    arguments = [*words, "--help"]
    outcome = CliRunner().invoke(main, arguments, prog_name="egoexobench", terminal_width=WIDTH)
    assert outcome.exit_code == 0, outcome.output
    return f"$ {' '.join(['egoexobench', *arguments])}\n{outcome.stdout}"
