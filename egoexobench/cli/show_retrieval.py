"""`egoexobench show-retrieval`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import click

from egoexobench.cli.plugins import registry
from egoexobench.cli.renamed_choice import RenamedChoice
from egoexobench.cli.renamed_options import renamed_option
from egoexobench.cli.settings import pairs
from egoexobench.errors import UsageError
from egoexobench.records.version_1 import POLICY_NAMES
from egoexobench.types import RETRIEVAL_TASKS, VIEWS, CandidatePolicy, Task, View


@click.command("show-retrieval")
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--query", required=True, metavar="ID", help="Or `hardest`, or `contrast`.")
@click.option("--task", type=click.Choice(RETRIEVAL_TASKS), default="eg2ex", show_default=True)
@click.option(
    "--policy",
    type=RenamedChoice(get_args(CandidatePolicy), POLICY_NAMES),
    default="gallery",
    show_default=True,
)
@click.option("--view", type=click.Choice(VIEWS), help="Of t2v: ask among clips of this view only.")
@click.option(
    "--top", type=click.IntRange(1, 8), default=5, show_default=True, help="Candidates of a row."
)
@click.option(
    "--frames",
    type=click.IntRange(1, 6),
    default=3,
    show_default=True,
    help="Pictures of a candidate; of the query, twice as many.",
)
@click.option("--dataset", metavar="NAME[:KEY=VALUE,...]", help="Where a record has its path cut.")
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="NAME:KEY=VALUE,...",
    help="Where a record has the path of an option cut.",
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Where a record has it cut."
)
@click.option("--train-on", metavar="NAME[:KEY=VALUE,...]", help="Where a record has it cut.")
@renamed_option(
    "--subset",
    "--ids",
    value_type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help_text="The --subset file of the run, if it used one.",
)
@click.option(
    "--font",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="For scripts that the built-in typeface has no shapes for.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="[retrieval-TASK-QUERY.png]"
)
@click.pass_context
def command(
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
    """Draw a query and what each of some runs found for it.

    RUNS are records, or folders that hold one. Their embeddings are made again from the tokens and
    weights in the cache; what is not there is encoded and trained anew (docs/figures.md).
    """
    if out and out.suffix.lower() != ".png":
        raise UsageError(f"--out {out}: the picture is a PNG; give a name that ends in .png")
    parts = registry(ctx)
    from egoexobench.experiment.context import RunContext
    from egoexobench.figures.drawing import Typeface
    from egoexobench.figures.replay import PathOverrides
    from egoexobench.figures.run import (
        FigureRequest,
        build_figure,
        list_missing_glyph_warnings,
        save_figure,
    )
    from egoexobench.progress import NullProgress, RichProgress
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
        settings=pairs(settings),
        subset=subset,
    )
    progress = RichProgress() if sys.stderr.isatty() else NullProgress()
    figure = build_figure(runs, request, overrides, RunContext(parts, progress))
    path = out or Path(f"retrieval-{task}-{make_slug(figure.query.id)}.png")
    save_figure(figure, typeface, path)
    for warning in (*figure.warnings, *list_missing_glyph_warnings(figure, typeface)):
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"Picture: {path}")
