"""`egoexobench data items`, `questions` and `export`: what a system that runs elsewhere needs."""

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

EXPORTED_POLICIES: tuple[CandidatePolicy, ...] = ("mcq20", "gallery", "both-views")
"""Policies whose candidates are known before a method ranks them."""
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


@click.command("export")
@click.argument("dataset", metavar="NAME[:KEY=VALUE,...]")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["mteb"]),
    required=True,
    help="mteb: a folder of tasks that the library mteb (2.x) runs.",
)
@click.option(
    "--task",
    "tasks",
    type=click.Choice([*RETRIEVAL_TASKS, "all"]),
    multiple=True,
    help="Task; may be repeated.  [all]",
)
@click.option(
    "--policy",
    "policies",
    type=click.Choice([*EXPORTED_POLICIES, "all"]),
    multiple=True,
    help="Candidates of a query; may be repeated.  [all]",
)
@click.option("--allow-missing", is_flag=True, help="Leave out clips without a media file.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to create, with all media.",
)
@click.pass_context
def export_command(
    ctx: click.Context,
    dataset: str,
    file_format: str,  # noqa: ARG001 - there is one
    tasks: tuple[str, ...],
    policies: tuple[str, ...],
    allow_missing: bool,
    out: Path,
) -> None:
    """Write the tracks of a data set for another benchmark, with queries, answers and media.

    A clip that is a part of a file is cut out, as H.264 and AAC.
    """
    registry = load_registry(ctx)
    from egoexobench.experiment.mteb_export import export_mteb
    from egoexobench.files import check_writable
    from egoexobench.spec import Spec

    check_writable(out, is_folder=True)
    spec, progress = Spec.parse(dataset), create_progress()
    source = registry.create("dataset", spec)
    source.prepare(progress)
    tracks = export_mteb(
        out,
        source,
        spec.name,
        tasks=[task for task in RETRIEVAL_TASKS if task in tasks or not set(tasks) - {"all"}],
        policies=[p for p in EXPORTED_POLICIES if p in policies or not set(policies) - {"all"}],
        allow_missing=allow_missing,
        progress=progress,
    )
    for track in tracks:
        subsets = f" in {' and '.join(track.subsets)}" if len(track.subsets) > 1 else ""
        dropped = f", {track.num_dropped} left out" if track.num_dropped else ""
        show_text(f"{track.name}: {track.num_queries} queries{subsets}{dropped}")
    show_text(f"{out}: {len(tracks)} tasks of mteb, see README.md in it")


def _open_items(ctx: click.Context, dataset: str, media: Path | None) -> DatasetItems:
    registry = load_registry(ctx)
    from egoexobench.experiment.questions import DatasetItems
    from egoexobench.spec import Spec

    spec = Spec.parse(dataset)
    source = registry.create("dataset", spec)
    if media is not None:
        source.prepare(create_progress())  # the files must be there
    return DatasetItems(source, spec.name, media)
