"""The options of every command that draws a figure of recorded runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egoexobench.cli.completion import complete_parts
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.cli.renamed_options import add_renamed_option
from egoexobench.cli.training_options import parse_overrides
from egoexobench.errors import UsageError
from egoexobench.files import check_writable
from egoexobench.terminal import show_text

if TYPE_CHECKING:
    from egoexobench.figures.run import FigureRequest

_OPTIONS = (
    click.option(
        "--dataset",
        metavar="NAME[:KEY=VALUE,...]",
        shell_complete=complete_parts("dataset"),
        help="Data set of the run, if the record has its path removed.",
    ),
    click.option(
        "--method",
        "methods",
        multiple=True,
        metavar="NAME:KEY=VALUE,...",
        shell_complete=complete_parts("method"),
        help="Method of a run, if the record has the path of an option removed.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Setting of the run, if the record has its path removed.",
    ),
    click.option(
        "--train-on",
        metavar="NAME[:KEY=VALUE,...]",
        shell_complete=complete_parts("dataset"),
        help="Training set of the run, if the record has its path removed.",
    ),
    add_renamed_option(
        "--subset",
        "--ids",
        value_type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help_text="The --subset file of the run, if it used one.",
    ),
    click.option(
        "--font",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Font file for other alphabets, for example Chinese.",
    ),
)


@dataclass(frozen=True, slots=True)
class FigureOptions:
    """The values of the options."""

    dataset: str | None
    methods: tuple[str, ...]
    settings: tuple[str, ...]
    train_on: str | None
    subset: Path | None
    font: Path | None

    def draw_figure(
        self,
        ctx: click.Context,
        runs: tuple[Path, ...],
        request: FigureRequest,
        out: Path | None,
        *,
        kind: str,
    ) -> None:
        """Draw the figure, print its warnings and its path.

        Without ``out`` the file is named after ``kind``, the task and the query.
        """
        from egoexobench.experiment.context import RunContext
        from egoexobench.figures.drawing import Typeface
        from egoexobench.figures.replay import PathOverrides
        from egoexobench.figures.run import build_figure, list_missing_glyph_warnings, save_figure
        from egoexobench.records.store import make_slug

        if out:
            check_png_name(out)
        check_writable(out or Path())
        parts, typeface = load_registry(ctx), Typeface(self.font)
        typeface.load_font(20)  # a file that is not a font is reported before anything is trained
        overrides = PathOverrides(
            dataset=self.dataset,
            train_on=self.train_on,
            methods=self.methods,
            settings=parse_overrides(self.settings),
            subset=self.subset,
        )
        figure = build_figure(runs, request, overrides, RunContext(parts, create_progress()))
        path = out or Path(f"{kind}-{request.task}-{make_slug(figure.query.id)}.png")
        save_figure(figure, typeface, path)
        for warning in (*figure.warnings, *list_missing_glyph_warnings(figure, typeface)):
            show_text(f"warning: {warning}", is_error=True)
        show_text(f"Picture: {path}")


def check_png_name(path: Path) -> None:
    """Check that the name of a picture says its format, which is always PNG.

    Raises:
        UsageError: for another suffix.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"--out {path} is not valid: the name must end with .png")


def add_figure_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets their values as one argument ``options``."""

    @wraps(command)
    def call_command(*args: Any, **values: Any) -> Any:
        selected = {field.name: values.pop(field.name) for field in fields(FigureOptions)}
        return command(*args, options=FigureOptions(**selected), **values)

    decorated: Callable[..., Any] = call_command
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
