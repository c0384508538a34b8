"""`egoexobench weights list`, `weights check`, `weights convert` and `weights fetch`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egoexobench.cli.common_options import JSON_OPTION
from egoexobench.cli.completion import complete_parts
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.training_options import parse_overrides
from egoexobench.cli.weights_fetch import fetch_weights_command
from egoexobench.errors import UsageError
from egoexobench.terminal import show_text

if TYPE_CHECKING:
    from egoexobench.checkpoints.check import CheckpointReport
    from egoexobench.checkpoints.release import CheckpointConsumer, PublishedCheckpoint
    from egoexobench.registry import Registry


@click.group("weights")
def weights_command() -> None:
    """List published checkpoints, check or convert a file, download models by name."""


weights_command.add_command(fetch_weights_command)


@weights_command.command("list")
@click.argument("method", required=False, shell_complete=complete_parts("method"))
@JSON_OPTION
def list_weights_command(method: str | None, as_json: bool) -> None:
    """List published checkpoints: file, location, license, checksum. METHOD shows the details.

    Nothing is downloaded. A cell says "unknown" if the repository of the authors does not state the
    value.
    """
    from egoexobench.checkpoints.catalogue import list_checkpoints, parse_md5_prefix
    from egoexobench.checkpoints.published import CHECKPOINTS_BY_METHOD

    selected = {method: list_checkpoints(method)} if method else CHECKPOINTS_BY_METHOD
    if as_json:
        import json
        from dataclasses import asdict

        checkpoints = {
            name: [{**asdict(item), "md5": parse_md5_prefix(item.file)} for item in releases]
            for name, releases in selected.items()
        }
        show_text(json.dumps(checkpoints, indent=2))
        return
    from egoexobench.cli.weights_table import print_checkpoint, print_checkpoint_list

    if method is None:
        print_checkpoint_list(CHECKPOINTS_BY_METHOD)
        return
    for checkpoint in list_checkpoints(method):
        print_checkpoint(checkpoint)


@weights_command.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--for",
    "method",
    metavar="METHOD",
    help="Method, see `weights list`.",
    shell_complete=complete_parts("method"),
)
@click.option(
    "--part",
    "specs",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="Encoder or fusion that should load the file. May be repeated.",
)
@click.option(
    "--width", type=int, default=256, show_default=True, help="Width of the fusion of --part."
)
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Option for every part that has it, such as vocabulary=FILE.",
)
@click.pass_context
def check_weights_command(
    ctx: click.Context,
    file: Path,
    method: str | None,
    specs: tuple[str, ...],
    width: int,
    options: tuple[str, ...],
) -> None:
    """Check tensor by tensor whether FILE fits a METHOD; exit code 1 if it does not.

    Each tensor must belong to a part of the method, and each part must find all of its tensors in
    the right shape. The few known exceptions of the published files are allowed. If a method has
    several published sizes, the name of the file decides, or else the size that fits.
    """
    parts = load_registry(ctx)
    if bool(method) == bool(specs):
        raise UsageError("weights check needs either --for METHOD or --part NAME, see --help")
    from egoexobench.checkpoints.catalogue import match_checkpoints
    from egoexobench.checkpoints.check import check_checkpoint
    from egoexobench.checkpoints.release import PublishedCheckpoint
    from egoexobench.toolbox.checkpoint import read_checkpoint

    if method:
        releases = match_checkpoints(method, file.name)
    else:
        consumers = tuple(_find_consumer(parts, spec, width) for spec in specs)
        releases = (
            PublishedCheckpoint(file.name, None, None, consumers, ignored_keys=("logit_scale",)),
        )
    part_options = _parse_part_options(parts, releases, options)
    checkpoint = read_checkpoint(file)
    best: tuple[PublishedCheckpoint, CheckpointReport] | None = None
    for release in releases:
        loaders = {
            consumer.spec: partial(_load_part, parts, consumer, part_options)
            for consumer in release.consumers
        }
        report = check_checkpoint(file, loaders, release.ignored_keys, checkpoint)
        if best is None or len(report.faults) < len(best[1].faults):
            best = release, report
        if not report.faults:
            break
    assert best is not None  # noqa: S101 - a method has at least one release
    from egoexobench.cli.weights_table import print_check_result

    print_check_result(file, method, len(releases), release=best[0], report=best[1])
    if best[1].faults:
        ctx.exit(1)


@weights_command.command("convert")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def convert_weights_command(file: Path, out: Path) -> None:
    """Write the tensors of FILE to OUT.safetensors, which you can use instead of FILE.

    The training state is not written, half precision becomes single precision, and prefixes of
    wrappers are removed from the names. FILE is not changed.
    """
    from egoexobench.checkpoints.convert import convert_checkpoint

    show_text(f"{out}: {convert_checkpoint(file, out)} tensors")


def _find_consumer(parts: Registry, spec: str, width: int) -> CheckpointConsumer:
    from egoexobench.checkpoints.release import CheckpointConsumer
    from egoexobench.spec import Spec

    name = Spec.parse(spec).name
    fusions = {part.name for part in parts.list_parts("fusion")}
    return (
        CheckpointConsumer(spec, "fusion", width) if name in fusions else CheckpointConsumer(spec)
    )


def _parse_part_options(
    parts: Registry, releases: Sequence[PublishedCheckpoint], options: tuple[str, ...]
) -> dict[str, str]:
    """Return the values of `--option`; at least one part must have each of them."""
    from egoexobench.errors import format_unknown_name
    from egoexobench.options import get_options
    from egoexobench.spec import Spec

    names = {
        name
        for release in releases
        for consumer in release.consumers
        for name in get_options(
            parts.get_factory(consumer.kind, Spec.parse(consumer.spec).name).factory
        )
    }
    values = parse_overrides(options, "--option")
    for key in values.keys() - names:
        raise UsageError(format_unknown_name("option", key, names, "of these parts"))
    return values


def _load_part(
    parts: Registry, consumer: CheckpointConsumer, options: dict[str, str], file: Path
) -> object:
    """Create the part with the weights of the file."""
    from egoexobench.options import get_options, resolve_options
    from egoexobench.spec import Spec

    spec = Spec.parse(consumer.spec)
    factory: Callable[..., Any] = parts.get_factory(consumer.kind, spec.name).factory
    names = get_options(factory)
    if "weights" not in names:
        raise UsageError(f"{consumer.kind} {spec.name!r} has no option 'weights'")
    texts = {**spec.options, **{key: value for key, value in options.items() if key in names}}
    values = resolve_options(factory, texts, f"{consumer.kind} {spec.name!r}")
    positional = (consumer.width,) if consumer.width else ()
    return factory(*positional, **{**values, "weights": file})
