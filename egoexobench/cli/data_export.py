"""`egoexobench data items`, `questions` and `export`: what a system that runs elsewhere needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egoexobench.cli.completion import complete_parts
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.errors import UsageError, notify
from egoexobench.terminal import show_text
from egoexobench.types import QUESTION_POLICIES, RETRIEVAL_TASKS, CandidatePolicy, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.experiment.questions import DatasetItems
    from egoexobench.experiment.webdataset_export import SampleKind
    from egoexobench.protocols import Dataset

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
@click.argument("dataset", metavar="NAME[:KEY=VALUE,...]", shell_complete=complete_parts("dataset"))
@_OUT
@_MEDIA
@click.pass_context
def items_command(ctx: click.Context, dataset: str, out: Path, media: Path | None) -> None:
    """Write the id of every clip and text as JSON Lines, for `score`: embed each of them.

    A line of a clip has its view, and with --media its file and span; a line of a text has the
    text.
    """
    from egoexobench.experiment.questions import write_items

    items = _open_items(ctx, dataset, media)
    counts = write_items(out, items)
    _show_rejected_rows(items)
    show_text(f"{out}: {counts.get('clip', 0)} clips, {counts.get('text', 0)} texts")


@click.command("questions")
@click.argument("dataset", metavar="NAME[:KEY=VALUE,...]", shell_complete=complete_parts("dataset"))
@click.option("--task", type=click.Choice(RETRIEVAL_TASKS), default="eg2ex", show_default=True)
@click.option(
    "--policy",
    type=click.Choice(QUESTION_POLICIES),
    default="mcq20",
    show_default=True,
    help="Candidates of a query: a list, the whole split, or both views of it.",
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

    items = _open_items(ctx, dataset, media)
    num_queries = write_questions(out, items, task, policy)
    _show_rejected_rows(items)
    show_text(f"{out}: {num_queries} queries of {task} {policy}")


@click.command("export")
@click.argument("dataset", metavar="NAME[:KEY=VALUE,...]", shell_complete=complete_parts("dataset"))
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["mteb", "webdataset"]),
    required=True,
    help="mteb: a folder of tasks that the library mteb (2.x) runs. webdataset: tars of all splits "
    "that the library webdataset streams.",
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
    type=click.Choice([*QUESTION_POLICIES, "all"]),
    multiple=True,
    help="Candidates of a query; may be repeated.  [all]",
)
@click.option(
    "--samples",
    type=click.Choice(["pair", "clip"]),
    help="Of webdataset: both clips of a pair, or each clip once.  [pair]",
)
@click.option(
    "--shard-size",
    type=click.IntRange(min=1),
    metavar="MIB",
    help="Of webdataset: size from which on a tar gets no more samples.  [1024]",
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
    file_format: str,
    tasks: tuple[str, ...],
    policies: tuple[str, ...],
    samples: SampleKind | None,
    shard_size: int | None,
    allow_missing: bool,
    out: Path,
) -> None:
    """Write a data set for other code: tracks with queries, answers and media, or clips to train.

    A clip that is a part of a file is cut out, as H.264 and AAC. An interrupted export for
    webdataset goes on after its last tar.
    """
    registry = load_registry(ctx)
    from egoexobench.files import check_writable
    from egoexobench.spec import Spec

    if file_format == "mteb" and (samples or shard_size):
        raise UsageError("--samples and --shard-size belong to --format webdataset")
    if file_format == "webdataset" and (tasks or policies):
        raise UsageError("--task and --policy belong to --format mteb; webdataset has no queries")
    check_writable(out, is_folder=True)
    spec = Spec.parse(dataset)
    source = registry.create("dataset", spec)
    source.prepare(create_progress())
    if file_format == "mteb":
        _export_mteb(
            out,
            source,
            spec.name,
            tasks=[task for task in RETRIEVAL_TASKS if task in tasks or not set(tasks) - {"all"}],
            policies=[p for p in QUESTION_POLICIES if p in policies or not set(policies) - {"all"}],
            allow_missing=allow_missing,
        )
        return
    _export_webdataset(
        out,
        source,
        spec.name,
        samples=samples or "pair",
        shard_size=shard_size or 1024,
        allow_missing=allow_missing,
    )


def _export_mteb(
    out: Path,
    dataset: Dataset,
    name: str,
    *,
    tasks: Sequence[Task],
    policies: Sequence[CandidatePolicy],
    allow_missing: bool,
) -> None:
    from egoexobench.experiment.mteb_export import export_mteb

    tracks = export_mteb(
        out,
        dataset,
        name,
        tasks=tasks,
        policies=policies,
        allow_missing=allow_missing,
        progress=create_progress(),
    )
    for track in tracks:
        subsets = f" in {' and '.join(track.subsets)}" if len(track.subsets) > 1 else ""
        dropped = f", {track.num_dropped} left out" if track.num_dropped else ""
        show_text(f"{track.name}: {track.num_queries} queries{subsets}{dropped}")
    show_text(f"{out}: {len(tracks)} tasks of mteb, see README.md in it")


def _export_webdataset(
    out: Path,
    dataset: Dataset,
    name: str,
    *,
    samples: SampleKind,
    shard_size: int,
    allow_missing: bool,
) -> None:
    from egoexobench.experiment.webdataset_export import MIB, export_webdataset

    splits = export_webdataset(
        out,
        dataset,
        name,
        samples=samples,
        shard_size=shard_size,
        allow_missing=allow_missing,
        progress=create_progress(),
    )
    for split, num_samples, num_shards, num_bytes in splits:
        size = f"{num_bytes / MIB:.1f} MiB"
        show_text(f"{split}: {num_samples} samples in {num_shards} tars, {size}")
    show_text(f"{out}: --dataset folder:path={out} reads the same clips")


def _open_items(ctx: click.Context, dataset: str, media: Path | None) -> DatasetItems:
    registry = load_registry(ctx)
    from egoexobench.experiment.questions import DatasetItems
    from egoexobench.spec import Spec

    spec = Spec.parse(dataset)
    source = registry.create("dataset", spec)
    if media is not None:
        source.prepare(create_progress())  # the files must be there
    return DatasetItems(source, spec.name, media)


def _show_rejected_rows(items: DatasetItems) -> None:
    """Say which rows of the annotations are not written, because `score` stops at them later."""
    from egoexobench.protocols import HasAnnotationIssues

    findings = items.dataset.findings if isinstance(items.dataset, HasAnnotationIssues) else ()
    rejected = [finding for finding in findings if finding.dropped]
    if rejected:
        notify(
            f"{len(rejected)} rows of {items.name} are left out, the first is {rejected[0]}; "
            "`score` stops at them without --allow-missing"
        )
