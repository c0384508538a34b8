"""The file of a sweep on the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import click

from egoexobench.errors import DataError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


@final
class SweepFile(click.Path):
    """A TOML file, or the name of a sweep that comes with the toolkit, such as ``table4``."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """Return the path of the file; a file in the current folder comes first."""
        if not os.path.exists(value):
            value = _list_packaged_sweeps().get(os.fspath(value), value)
        return super().convert(value, param, ctx)


def complete_sweep_file(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the names that begin so, and let the shell add its files."""
    from click.shell_completion import CompletionItem

    del ctx, parameter
    names = [name for name in _list_packaged_sweeps() if name.startswith(incomplete)]
    return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]


def _list_packaged_sweeps() -> dict[str, Path]:
    from egoexobench.leaderboard.packaged import find_packaged_leaderboards

    try:
        folder = find_packaged_leaderboards() / "sweeps"
    except DataError:
        return {}
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
