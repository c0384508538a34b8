"""`egoexobench show-recognition`."""

from __future__ import annotations

from pathlib import Path

import click

from egoexobench.cli.figure_options import FigureOptions, add_figure_options
from egoexobench.types import RECOGNITION_TASKS, Task


@click.command("show-recognition")
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--query", required=True, metavar="ID", help="Id of a clip, `hardest` or `contrast`.")
@click.option("--task", type=click.Choice(RECOGNITION_TASKS), default="scene", show_default=True)
@click.option(
    "--top", type=click.IntRange(1, 20), default=5, show_default=True, help="Classes per run."
)
@click.option(
    "--frames",
    type=click.IntRange(1, 12),
    default=6,
    show_default=True,
    help="Frames shown of the clip.",
)
@add_figure_options
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="[recognition-TASK-QUERY.png]"
)
@click.pass_context
def show_recognition_command(
    ctx: click.Context,
    runs: tuple[Path, ...],
    query: str,
    task: Task,
    top: int,
    frames: int,
    options: FigureOptions,
    out: Path | None,
) -> None:
    """Draw a clip and the most probable classes of it for one or more runs.

    RUNS are records, or folders with one record. The embeddings are computed again from cached
    features and weights, and the linear layer is trained again; what is not in the cache is encoded
    and trained again. See docs/figures.md.
    """
    from egoexobench.figures.run import FigureRequest

    request = FigureRequest(
        query=query, task=task, policy=None, num_candidates=top, num_frames=frames
    )
    options.draw_figure(ctx, runs, request, out, kind="recognition")
