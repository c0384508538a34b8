"""`egoexobench data init`, `egoexobench data doctor` and `egoexobench data lists`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from egoexobench.cli.plugins import registry
from egoexobench.values import RETRIEVAL, SPLITS, Split, Task


@click.group("data")
def command() -> None:
    """Draft a manifest, examine a data set, or publish its lists."""


@command.command("init")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of splits.")
@click.option("--force", is_flag=True, help="Write over an earlier clips.csv.")
def init(folder: Path, seed: int, force: bool) -> None:
    """Draft clips.csv for a FOLDER of clips: pairs by name, splits by take.

    Narrations are the texts of files beside the clips (NAME.txt for NAME.mp4); cells of clips
    without one stay empty, and `run` asks for them.
    """
    from egoexobench.data.init_manifest import init_manifest

    made = init_manifest(folder, seed=seed, force=force)
    counts = ", ".join(f"{count} {split}" for split, count in made.num_pairs.items())
    click.echo(f"{made.path}: {sum(made.num_pairs.values())} pairs ({counts})")
    for name, reason in made.unpaired:
        click.echo(f"left out {name}: {reason}")
    for split, count in made.num_pairs.items():
        if not count:
            click.echo(f"no pair is in {split}; a run needs one, so move some or add takes")
    if made.num_empty_narrations:
        click.echo(f"{made.num_empty_narrations} narrations are empty; write what each clip shows")


@command.command("doctor")
@click.argument("dataset", metavar="NAME[:KEY=VALUE,...]")
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the certificate here.",
)
@click.option(
    "--common",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare with another user's certificate.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole report and nothing else.")
@click.pass_context
def doctor(
    ctx: click.Context,
    dataset: str,
    certificate: Path | None,
    common: Path | None,
    as_json: bool,
) -> None:
    """Examine every clip of a data set: what is there, what is missing, how it sounds.

    It goes on to the end whatever it meets, and goes on where it stopped; exit code 0 says that it
    got there.
    """
    parts = registry(ctx)
    from egoexobench.data import subset as certificates
    from egoexobench.data.doctor.check_dataset import check_dataset
    from egoexobench.data.doctor.report import format_report
    from egoexobench.progress import NullProgress, RichProgress
    from egoexobench.spec import Spec

    other = certificates.read_subset(common) if common else None
    spec = Spec.parse(dataset)
    made, factory = parts.create("dataset", spec), parts.get_factory("dataset", spec.name).factory
    quiet = as_json or not sys.stderr.isatty()
    report = check_dataset(spec, made, factory, NullProgress() if quiet else RichProgress())
    if other:
        both = certificates.intersect(report.subset, other)
        report = report.model_copy(update={"shared": both})
    if certificate:
        certificates.write_subset(certificate, report.subset)
    click.echo(report.model_dump_json(indent=1) if as_json else "\n".join(format_report(report)))


@command.command("lists")
@click.argument("dataset", metavar="NAME[:KEY=VALUE,...]")
@click.option("--task", type=click.Choice(RETRIEVAL), default="eg2ex", show_default=True)
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.pass_context
def lists(ctx: click.Context, dataset: str, task: Task, split: Split, out: Path) -> None:
    """Write the candidate lists of a task as JSON Lines, to publish or compare them.

    The first line says what they are of and by which rule; the same annotations give the same
    other lines on every machine, whatever the order of their rows. Media are not looked at.
    """
    parts = registry(ctx)
    from egoexobench.data.docstring import LISTS_HEADING, docstring_section
    from egoexobench.data.export_queries import export_queries
    from egoexobench.spec import Spec

    spec = Spec.parse(dataset)
    made, factory = parts.create("dataset", spec), parts.get_factory("dataset", spec.name).factory
    header = export_queries(
        out, spec.name, made, split, task, docstring_section(factory, LISTS_HEADING)
    )
    click.echo(f"{out}: {header.num_queries} questions of {task} in {split}, {header.sha256[:16]}")
    if header.num_dropped_rows:
        click.echo(
            f"{header.num_dropped_rows} rows of the annotations were left out, see `data doctor`"
        )
