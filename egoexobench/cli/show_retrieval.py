"""`egoexobench show-retrieval`."""

from __future__ import annotations

from pathlib import Path

import click

from egoexobench.cli.figure_options import FigureOptions, add_figure_options
from egoexobench.cli.renamed_choice import RenamedChoice
from egoexobench.records.version_1 import POLICY_NAMES
from egoexobench.types import (
    RETRIEVAL_POLICIES,
    RETRIEVAL_TASKS,
    VIEWS,
    CandidatePolicy,
    Task,
    View,
)


@click.command("show-retrieval")
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--query", required=True, metavar="ID", help="Id of a query, `hardest` or `contrast`."
)
@click.option("--task", type=click.Choice(RETRIEVAL_TASKS), default="eg2ex", show_default=True)
@click.option(
    "--policy",
    type=RenamedChoice(RETRIEVAL_POLICIES, POLICY_NAMES),
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
@add_figure_options
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
    options: FigureOptions,
    out: Path | None,
) -> None:
    """Draw the top results of one query for one or more runs.

    RUNS are records, or folders with one record. The embeddings are computed again from cached
    features and weights; what is not in the cache is encoded and trained again. See
    docs/figures.md.
    """
    from egoexobench.figures.run import FigureRequest

    request = FigureRequest(
        query=query, task=task, policy=policy, view=view, num_candidates=top, num_frames=frames
    )
    options.draw_figure(ctx, runs, request, out, kind="retrieval")
