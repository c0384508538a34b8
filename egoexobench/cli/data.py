"""`egoexobench data`: `init`, `doctor`, `export`, `inspect`, `items`, `lists`, `questions`."""

from __future__ import annotations

from pathlib import Path

import click

from egoexobench.cli.completion import complete_parts
from egoexobench.cli.data_export import export_command, items_command, questions_command
from egoexobench.cli.data_inspect import inspect_command
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.cli.renamed_options import add_renamed_option
from egoexobench.method import COMPACT_DEFAULTS
from egoexobench.terminal import show_text
from egoexobench.types import RETRIEVAL_TASKS, SPLITS, VIEWS, Split, Task
from egoexobench.visible_text import make_visible_line


@click.group("data")
def data_command() -> None:
    """Create a table of clips, check a data set or a file, or export clips and queries."""


data_command.add_command(export_command)
data_command.add_command(inspect_command)
data_command.add_command(items_command)
data_command.add_command(questions_command)


@data_command.command("init")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of the split assignment.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing clips.csv.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="CSV file to write, or folder for clips.csv.  [FOLDER]",
)
def init_command(folder: Path, seed: int, force: bool, out: Path | None) -> None:
    """Create clips.csv for a FOLDER of media files: pairs by file name, splits by take.

    Files are views of one activity if their names differ in the camera alone: take1_ego.mp4 and
    take1_exo1.mp4, take1/ego.mp4 and take1/exo1.mp4, or aria01.mp4 and cam01.mp4 in one folder.
    Each ego file makes a pair with each exo file. The narration of NAME.mp4 is read from NAME.txt,
    or from the text without the camera (take1.txt). Without that file the cell stays empty, and
    `run` stops until it is filled in. Every file that is not in the table is listed with the
    reason.
    """
    from egoexobench.data.init_manifest import create_manifest

    result = create_manifest(folder, seed=seed, force=force, out=out)
    counts = ", ".join(f"{count} {split}" for split, count in result.num_pairs.items())
    show_text(f"{result.path}: {sum(result.num_pairs.values())} pairs ({counts})")
    if len(result.num_groups_by_camera) > len(VIEWS):
        cameras = ", ".join(f"{name} {n}" for name, n in result.num_groups_by_camera.items())
        show_text(f"files by camera, of {result.num_groups} activities: {cameras}")
    for name, reason in result.unpaired:
        show_text(f"skipped {make_visible_line(name)}: {reason}")
    for split, count in result.num_pairs.items():
        if not count:
            show_text(f"split {split} has no pair, but a run needs one: move some or add takes")
    if not result.is_usable:
        show_text(f"a run reads clips.csv in the folder of the media: move it to {folder}")
    if result.media_without_narration:
        first = Path(result.media_without_narration[0])
        show_text(
            f"{len(result.media_without_narration)} narrations are empty, the first is that of "
            f"{make_visible_line(first.name)}: fill in the column narration, or write "
            f"{make_visible_line(first.with_suffix('.txt').name)} beside it and repeat with --force"
        )


@data_command.command("doctor")
@click.argument("dataset", metavar="NAME[:KEY=VALUE,...]", shell_complete=complete_parts("dataset"))
@add_renamed_option(
    "--save-subset",
    "--certificate",
    value_type=click.Path(dir_okay=False, path_type=Path),
    help_text="Write the usable clips to this file, for `run --subset`.",
)
@add_renamed_option(
    "--compare-subset",
    "--common",
    value_type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help_text="Subset file of another user: report the clips that both have.",
)
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    default=COMPACT_DEFAULTS.num_frames,
    show_default=True,
    help="Frames that your method reads of each clip.",
)
@click.option(
    "--sampling",
    metavar="RULE",
    default=COMPACT_DEFAULTS.frame_sampling,
    show_default=True,
    help="Rule by which your method picks them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the full report as JSON.")
@click.pass_context
def doctor_command(
    ctx: click.Context,
    dataset: str,
    save_subset: Path | None,
    compare_subset: Path | None,
    frames: int,
    sampling: str,
    as_json: bool,
) -> None:
    """Check every clip of a data set: missing files, media errors, audio levels.

    A clip is usable if a run can decode it: both call the same code, with the same frames.
    Checks every clip, also after errors. An interrupted check resumes. Exit code 0 means that the
    check finished.
    """
    parts = load_registry(ctx)
    from egoexobench.data.doctor.check_dataset import inspect_dataset
    from egoexobench.data.doctor.inspect_media import ReadingRule
    from egoexobench.data.doctor.report import format_report
    from egoexobench.data.sampling import get_sampler
    from egoexobench.data.subset import find_shared_clips, read_subset, write_subset
    from egoexobench.files import check_writable
    from egoexobench.spec import Spec

    if save_subset:
        check_writable(save_subset)
    other = read_subset(compare_subset) if compare_subset else None
    spec = Spec.parse(dataset)
    checked = parts.create("dataset", spec)
    factory = parts.get_factory("dataset", spec.name).factory
    get_sampler(sampling)  # a wrong name is not an error of every clip
    rule = ReadingRule(frames, sampling)
    report = inspect_dataset(spec, checked, factory, create_progress(is_quiet=as_json), rule=rule)
    if other:
        shared = find_shared_clips(report.subset, other)
        report = report.model_copy(update={"shared": shared})
    if save_subset:
        write_subset(save_subset, report.subset)
    show_text(report.model_dump_json(indent=1) if as_json else "\n".join(format_report(report)))


@data_command.command("lists")
@click.argument("dataset", metavar="NAME[:KEY=VALUE,...]", shell_complete=complete_parts("dataset"))
@click.option("--task", type=click.Choice(RETRIEVAL_TASKS), default="eg2ex", show_default=True)
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.pass_context
def lists_command(ctx: click.Context, dataset: str, task: Task, split: Split, out: Path) -> None:
    """Export the candidate lists of a task as JSON Lines, to publish or compare them.

    The first line describes the lists and how they were made. The other lines depend only on the
    annotations, not on the machine or on the order of the rows. Media files are not read.
    """
    parts = load_registry(ctx)
    from egoexobench.data.docstring import LISTS_HEADING, read_docstring_section
    from egoexobench.data.export_queries import export_queries
    from egoexobench.spec import Spec

    spec = Spec.parse(dataset)
    source, factory = parts.create("dataset", spec), parts.get_factory("dataset", spec.name).factory
    rule = read_docstring_section(factory, LISTS_HEADING)
    header = export_queries(out, source, spec.name, split=split, task=task, rule=rule)
    show_text(f"{out}: {header.num_queries} queries of {task} in {split}, {header.sha256[:16]}")
    if header.num_unfair:
        show_text(
            f"{header.num_unfair} queries cannot be answered fairly and are left out, see "
            "`data doctor`"
        )
    if header.num_dropped_rows:
        show_text(
            f"{header.num_dropped_rows} rows of the annotations were skipped, see `data doctor`"
        )
