"""A page for each command, from the click commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click
from markdown_text import escape_markdown, format_code, format_table

from egoexobench.cli import main

WIDTH = 100
"""Columns of a usage line."""


def make_command_pages() -> dict[str, str]:
    """Markdown by file name, with an index of all commands first."""
    root = click.Context(main, info_name="egoexobench", terminal_width=WIDTH)
    rows, pages = [], {}
    for name, context in _iter_children(root):
        rows.append([f"[{format_code(name)}]({name}.md)", _summarize(context.command)])
        pages[f"{name}.md"] = _format_command(context)
    options = _format_options(root)
    index = (
        "# Commands\n\n"
        f"`egoexobench COMMAND --help` prints what these pages show.\n\n"
        f"{format_table(['command', 'what it does'], rows)}\n"
        f"Options in front of every command:\n\n{options}"
    )
    return {"index.md": index} | pages


def _format_command(context: click.Context, level: int = 1) -> str:
    """A command with its options, and below it its subcommands."""
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    text = [
        f"{'#' * level} {context.command_path}\n",
        f"```text\n{usage}\n```\n",
        *(f"{escape_markdown(' '.join(part.split()))}\n" for part in _split_help(command)),
    ]
    children = list(_iter_children(context))
    if not children:
        text.append(_format_options(context))
    text += [_format_command(child, level + 1) for _, child in children]
    return "\n".join(text)


def _split_help(command: click.Command) -> list[str]:
    """The paragraphs of a help text, without click's mark of paragraphs that stay as they are."""
    paragraphs = (command.help or "").replace("\b\n", "").split("\n\n")
    return [part for part in paragraphs if part.strip()]


def _format_options(context: click.Context) -> str:
    records = [
        record
        for parameter in context.command.get_params(context)
        if (record := parameter.get_help_record(context)) is not None
    ]
    rows = [[format_code(name), escape_markdown(text)] for name, text in records]
    return format_table(["option", "meaning"], rows)


def _iter_children(context: click.Context) -> Iterator[tuple[str, click.Context]]:
    """Each command of a group with a context of its own."""
    group = context.command
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if command is not None and not command.hidden:
                child = click.Context(command, parent=context, info_name=name, terminal_width=WIDTH)
                yield name, child


def _summarize(command: click.Command) -> str:
    return escape_markdown(command.get_short_help_str(limit=200))
