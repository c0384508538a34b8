"""`egoexobench show-retrieval`."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.cli.renamed_choice import RenamedChoice
from egoexobench.cli.renamed_options import add_renamed_option
from egoexobench.cli.training_options import parse_overrides
from egoexobench.errors import UsageError
from egoexobench.records.version_1 import POLICY_NAMES
from egoexobench.types import RETRIEVAL_TASKS, VIEWS, CandidatePolicy, Task, View


@click.command("show-retrieval")
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--query", required=True, metavar="ID", help="Id of a query, `hardest` or `contrast`."
)
@click.option("--task", type=click.Choice(RETRIEVAL_TASKS), default="eg2ex", show_default=True)
@click.option(
    "--policy",
    type=RenamedChoice(get_args(CandidatePolicy), POLICY_NAMES),
    default="gallery",
    show_default=True,
)
@click.option("--view", type=click.Choice(VIEWS), help="For t2v: only candidates of this view.")
@click.option(
    "--top", type=click.IntRange(1, 8), default=5, show_default=True, help="Candidates per row."
)
@click.option(
    "--frames",
    type=click.IntRange(1, 6),
    default=3,
    show_default=True,
    help="Frames shown per candidate (twice as many for the query).",
)
@click.option(
    "--dataset",
    metavar="NAME[:KEY=VALUE,...]",
    help="Data set of the run, if the record has its path removed.",
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="NAME:KEY=VALUE,...",
    help="Method of a run, if the record has the path of an option removed.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Setting of the run, if the record has its path removed.",
)
@click.option(
    "--train-on",
    metavar="NAME[:KEY=VALUE,...]",
    help="Training set of the run, if the record has its path removed.",
)
@add_renamed_option(
    "--subset",
    "--ids",
    value_type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help_text="The --subset file of the run, if it used one.",
)
@click.option(
    "--font",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Font file for other alphabets, for example Chinese.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="[retrieval-TASK-QUERY.png]"
)
@click.pass_context
def show_retrieval_command(
    ctx: click.Context,
    runs: tuple[Path, ...],
    query: str,
    task: Task,
    policy: CandidatePolicy,
    view: View | None,
    top: int,
    frames: int,
    dataset: str | None,
    methods: tuple[str, ...],
    settings: tuple[str, ...],
    train_on: str | None,
    subset: Path | None,
    font: Path | None,
    out: Path | None,
) -> None:
    """Draw the top results of one query for one or more runs.

    RUNS are records, or folders with one record. The embeddings are computed again from cached
    features and weights; what is not in the cache is encoded and trained again. See
    docs/figures.md.
    """
    if out and out.suffix.lower() != ".png":
        raise UsageError(f"--out {out} is not valid: the name must end with .png")
    parts = load_registry(ctx)
    from egoexobench.experiment.context import RunContext
    from egoexobench.figures.drawing import Typeface
    from egoexobench.figures.replay import PathOverrides
    from egoexobench.figures.run import (
        FigureRequest,
        build_figure,
        list_missing_glyph_warnings,
        save_figure,
    )
    from egoexobench.records.store import make_slug

    typeface = Typeface(font)
    typeface.load_font(20)  # a file that is not a font is reported before anything is trained
    request = FigureRequest(
        query=query, task=task, policy=policy, view=view, num_candidates=top, num_frames=frames
    )
    overrides = PathOverrides(
        dataset=dataset,
        train_on=train_on,
        methods=methods,
        settings=parse_overrides(settings),
        subset=subset,
    )
    progress = create_progress()
    figure = build_figure(runs, request, overrides, RunContext(parts, progress))
    path = out or Path(f"retrieval-{task}-{make_slug(figure.query.id)}.png")
    save_figure(figure, typeface, path)
    for warning in (*figure.warnings, *list_missing_glyph_warnings(figure, typeface)):
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"Picture: {path}")
