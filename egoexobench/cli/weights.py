"""`egoexobench weights list`, `weights check` and `weights convert`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egoexobench.cli.plugins import registry
from egoexobench.cli.settings import pairs
from egoexobench.errors import UsageError

if TYPE_CHECKING:
    from egoexobench.checkpoints.check import CheckpointReport
    from egoexobench.checkpoints.release import CheckpointConsumer, PublishedCheckpoint
    from egoexobench.registry import Registry
    from egoexobench.toolbox.checkpoint import Checkpoint


@click.group("weights")
def command() -> None:
    """List what methods want, check a file before a run depends on it, convert it."""


@command.command("list")
@click.argument("method", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def show(method: str | None, as_json: bool) -> None:
    """List published checkpoints: file, where it is, licence, checksum; with METHOD, all of it.

    Nothing is downloaded. Where a cell says unknown, the authors' repository does not say it.
    """
    from egoexobench.checkpoints.catalogue import list_checkpoints, parse_md5_prefix
    from egoexobench.checkpoints.published import CHECKPOINTS_BY_METHOD

    chosen = {method: list_checkpoints(method)} if method else CHECKPOINTS_BY_METHOD
    if as_json:
        import json
        from dataclasses import asdict

        every = {
            name: [{**asdict(one), "md5": parse_md5_prefix(one.file)} for one in releases]
            for name, releases in chosen.items()
        }
        click.echo(json.dumps(every, indent=2))
        return
    from egoexobench.cli.weights_table import detail, overview

    if method is None:
        overview(CHECKPOINTS_BY_METHOD)
        return
    for one in list_checkpoints(method):
        detail(one)


@command.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--for", "method", metavar="METHOD", help="See `weights list`.")
@click.option(
    "--part",
    "specs",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="An encoder or a fusion that is to take the file; may be given again.",
)
@click.option("--width", type=int, default=256, show_default=True, help="Of a --part's fusion.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="For every part that has this option, such as vocabulary=FILE.",
)
@click.pass_context
def check(
    ctx: click.Context,
    file: Path,
    method: str | None,
    specs: tuple[str, ...],
    width: int,
    options: tuple[str, ...],
) -> None:
    """Say whether FILE fits a METHOD, tensor by tensor; exit code 1 if it does not.

    Every tensor must be taken by one of the method's parts and every part must find all of its own
    in the right shape, but for the few exceptions that the authors' files are known to need. Where
    a method has several published sizes, the file's name decides, or else what fits.
    """
    parts = registry(ctx)
    if bool(method) == bool(specs):
        raise UsageError("weights check takes either --for METHOD or --part NAME, see --help")
    from egoexobench.checkpoints.catalogue import match_checkpoints
    from egoexobench.checkpoints.release import PublishedCheckpoint
    from egoexobench.toolbox.checkpoint import read_checkpoint

    if method:
        releases = match_checkpoints(method, file.name)
    else:
        shares = tuple(_share(parts, spec, width) for spec in specs)
        releases = (
            PublishedCheckpoint(file.name, None, None, shares, ignored_keys=("logit_scale",)),
        )
    given = _given(parts, releases, options)
    checkpoint = read_checkpoint(file)
    best: tuple[PublishedCheckpoint, CheckpointReport] | None = None
    for one in releases:
        report = _report(parts, file, one, given, checkpoint)
        if best is None or len(report.faults) < len(best[1].faults):
            best = one, report
        if not report.faults:
            break
    assert best is not None  # noqa: S101 - a method has at least one release
    from egoexobench.cli.weights_table import verdict

    verdict(file, method, len(releases), *best)
    if best[1].faults:
        ctx.exit(1)


@command.command("convert")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def convert(file: Path, out: Path) -> None:
    """Write FILE's tensors to OUT.safetensors, which loads wherever FILE does.

    The training state is left behind, half precision becomes single, and prefixes of wrappers are
    taken off the names. FILE stays.
    """
    from egoexobench.checkpoints.convert import convert_checkpoint as write

    click.echo(f"{out}: {write(file, out)} tensors")


def _share(parts: Registry, spec: str, width: int) -> CheckpointConsumer:
    from egoexobench.checkpoints.release import CheckpointConsumer
    from egoexobench.spec import Spec

    name = Spec.parse(spec).name
    fusions = {part.name for part in parts.list_parts("fusion")}
    return (
        CheckpointConsumer(spec, "fusion", width) if name in fusions else CheckpointConsumer(spec)
    )


def _given(
    parts: Registry, releases: Sequence[PublishedCheckpoint], options: tuple[str, ...]
) -> dict[str, str]:
    """What `--option` says, each of it known to a part at least."""
    from egoexobench.errors import unknown_name_message
    from egoexobench.options import get_options
    from egoexobench.spec import Spec

    shares = [share for one in releases for share in one.consumers]
    factories = [parts.get_factory(one.kind, Spec.parse(one.spec).name).factory for one in shares]
    names = {name for factory in factories for name in get_options(factory)}
    given = pairs(options, "--option")
    for key in given.keys() - names:
        raise UsageError(unknown_name_message("option", key, names, "of these parts"))
    return given


def _report(
    parts: Registry,
    file: Path,
    release: PublishedCheckpoint,
    options: dict[str, str],
    checkpoint: Checkpoint,
) -> CheckpointReport:
    from egoexobench.checkpoints.check import check_checkpoint

    loads = {one.spec: partial(_load, parts, one, options) for one in release.consumers}
    return check_checkpoint(file, loads, release.ignored_keys, checkpoint)


def _load(
    parts: Registry, share: CheckpointConsumer, options: dict[str, str], file: Path
) -> object:
    """Make the part with the file's weights; a path may hold commas, so it is no text here."""
    from egoexobench.options import get_options, resolve_options
    from egoexobench.spec import Spec

    spec = Spec.parse(share.spec)
    factory: Callable[..., Any] = parts.get_factory(share.kind, spec.name).factory
    own = get_options(factory)
    if "weights" not in own:
        raise UsageError(f"{share.kind} {spec.name!r} takes no weights")
    given = {key: value for key, value in options.items() if key in own}
    texts = {**spec.options, **given}
    bound = resolve_options(factory, texts, f"{share.kind} {spec.name!r}")
    return factory(*([share.width] if share.width else []), **{**bound, "weights": file})
