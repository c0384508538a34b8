"""`egoexobench data items` and `data questions`: what a system that runs elsewhere needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.terminal import show_text
from egoexobench.types import RETRIEVAL_TASKS, CandidatePolicy, Task

if TYPE_CHECKING:
    from egoexobench.experiment.questions import DatasetItems

_OUT = click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write."
)
_MEDIA = click.option(
    "--media",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Also name the media file of each clip, relative to this folder, and its span in s.",
)


@click.command("items")
@click.argument("dataset", metavar="NAME[:KEY=VALUE,...]")
@_OUT
@_MEDIA
@click.pass_context
def items_command(ctx: click.Context, dataset: str, out: Path, media: Path | None) -> None:
    """Write the id of every clip and text as JSON Lines, for `score`: embed each of them.

    A line of a clip has its view, and with --media its file and span; a line of a text has the
    text.
    """
    from egoexobench.experiment.questions import write_items

    counts = write_items(out, _open_items(ctx, dataset, media))
    show_text(f"{out}: {counts.get('clip', 0)} clips, {counts.get('text', 0)} texts")


@click.command("questions")
@click.argument("dataset", metavar="NAME[:KEY=VALUE,...]")
@click.option("--task", type=click.Choice(RETRIEVAL_TASKS), default="eg2ex", show_default=True)
@click.option(
    "--policy",
    type=click.Choice(get_args(CandidatePolicy)),
    default="mcq20",
    show_default=True,
    help="Candidates of a query: a list of 20, the whole split, or both views of it.",
)
@_OUT
@_MEDIA
@click.pass_context
def questions_command(
    ctx: click.Context,
    dataset: str,
    task: Task,
    policy: CandidatePolicy,
    out: Path,
    media: Path | None,
) -> None:
    """Write the queries of a task as JSON Lines, without their answers, for `score --answers`.

    A line has the id of a query, its source and its candidates. Ids and file names can tell the
    answer: show a system only what is in the files, and let it answer with a position from 0.
    """
    from egoexobench.experiment.questions import write_questions

    num_queries = write_questions(out, _open_items(ctx, dataset, media), task, policy)
    show_text(f"{out}: {num_queries} queries of {task} {policy}")


def _open_items(ctx: click.Context, dataset: str, media: Path | None) -> DatasetItems:
    registry = load_registry(ctx)
    from egoexobench.experiment.questions import DatasetItems
    from egoexobench.spec import Spec

    spec = Spec.parse(dataset)
    source = registry.create("dataset", spec)
    if media is not None:
        source.prepare(create_progress())  # the files must be there
    return DatasetItems(source, spec.name, media)
