"""`egoexobench extract`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from egoexobench.cli.plugins import registry
from egoexobench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from egoexobench.compute import Compute
    from egoexobench.features.dataset_features import ExtractionResult
    from egoexobench.features.encoder_runner import EncoderRunner
    from egoexobench.registry import Registry

LISTED = 10
"""Failed clips that are named; the receipts in the stores name all."""
ROLES = ("video", "audio", "text")


@click.command("extract")
@click.argument("dataset", metavar="DATASET[:KEY=VALUE,...]")
@click.option(
    "--encoder",
    "specs",
    multiple=True,
    required=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="See `list encoder`; may be given again.",
)
@click.option("--frames", type=click.IntRange(min=1), default=8, show_default=True)
@click.option("--sampling", default="egoexolearn", show_default=True, help="Which pictures.")
@click.option("--template", default="{}", show_default=True, help="What texts are put into.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of random weights.  [0]")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32", help="Of products."
)
@click.option(
    "--dtype", type=click.Choice(["fp32", "fp16"]), default="fp32", help="Of the rows on disk."
)
@click.option("--shard", default="1/1", metavar="i/n", help="Only this share; see `merge`.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of stores.  [the cache]")
@click.option(
    "--import-beats",
    "folder",
    type=click.Path(path_type=Path),
    help="Encode nothing: take the sounds' features from {uid}_{start}-{end}.pt in this folder.",
)
@click.pass_context
def command(
    ctx: click.Context,
    dataset: str,
    specs: tuple[str, ...],
    frames: int,
    sampling: str,
    template: str,
    seed: int,
    device: str,
    precision: Literal["fp32", "bf16", "fp16"],
    dtype: Literal["fp32", "fp16"],
    shard: str,
    out: Path | None,
    folder: Path | None,
) -> None:
    """Encode every clip, or text, of a data set once and store it for later runs.

    What is stored already is not done again, so a run that was stopped goes on where it stopped.
    Exit code 1 says that some clips could not be encoded.
    """
    parts = registry(ctx)
    from dataclasses import replace

    from egoexobench import files
    from egoexobench.compute import Compute
    from egoexobench.data.sampling import get_sampler
    from egoexobench.features.dataset_features import (
        SamplingConfig,
        clips_in_shard,
        extract_features,
        parse_shard,
        write_receipt,
    )
    from egoexobench.features.import_beats import import_features
    from egoexobench.progress import NullProgress, RichProgress

    part, root = parse_shard(shard), out or files.cache_dir() / "tokens"
    get_sampler(sampling)
    made = parts.create("dataset", dataset)
    compute = Compute(device, precision)
    coders = {
        spec: replace(_coder(parts, spec, seed, compute), storage_dtype=dtype) for spec in specs
    }
    progress = RichProgress() if sys.stderr.isatty() else NullProgress()
    made.prepare(progress)
    how = SamplingConfig(frames, sampling, template)
    if folder is None:
        _show(extract_features(made, coders, how, root, progress, part), root)
        return
    if len(coders) > 1:
        raise UsageError("--import-beats takes one --encoder: the one that made the features")
    ((spec, coder),) = coders.items()
    found = import_features(clips_in_shard(made, part), coder, folder, root, progress)
    write_receipt(made, coder, how, root, part, found)
    if found.failures and parts.resolve("encoder", spec)[1].get("weights", "") is None:
        told = f"{spec} has random weights, and `run` encodes with them what has no feature here"
        click.echo(told, err=True)
    _show({spec: found}, root)


def _coder(parts: Registry, spec: str, seed: int, compute: Compute) -> EncoderRunner:
    """The encoder as a method has it; its role is its modality, which only the encoder knows."""
    from egoexobench.compute import resolve
    from egoexobench.experiment.build import build_encoder, resolve_method
    from egoexobench.method import COMPACT_DEFAULTS, apply_overrides

    def build_for_role(role: str) -> EncoderRunner:
        resolved = resolve_method(parts, apply_overrides(COMPACT_DEFAULTS, {role: spec}), seed)
        return build_encoder(resolved, role, resolve(compute))

    runner = build_for_role("video")
    modality = runner.encoder.modality
    return runner if modality == "video" else build_for_role(modality)


def _show(found: Mapping[str, ExtractionResult], root: Path) -> None:
    failed: dict[str, str] = {}
    for spec, one in found.items():
        counts = ", ".join(f"{count} {state}" for state, count in one.state_counts.items())
        told = f" ({counts})" if counts else ""
        click.echo(f"{spec}: {sum(one.state_counts.values())} of {one.num_requested} stored{told}")
        failed |= one.failures
    click.echo(f"Stores: {root}")
    if failed:
        click.echo(f"{len(failed)} clips have no features:", err=True)
        for name, reason in list(failed.items())[:LISTED]:
            click.echo(f"  {name}: {reason}", err=True)
        if len(failed) > LISTED:
            click.echo(f"  and {len(failed) - LISTED} more", err=True)
        raise SystemExit(1)
