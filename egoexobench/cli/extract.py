"""`egoexobench extract`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from egoexobench.cli.common_options import (
    ENCODER_BATCH_OPTION,
    JSON_OPTION,
    ON_INTERRUPT_OPTION,
    check_interrupt_option,
)
from egoexobench.cli.completion import complete_parts
from egoexobench.cli.extract_portions import extract_in_portions
from egoexobench.cli.extract_results import print_results
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.errors import UsageError
from egoexobench.terminal import show_text
from egoexobench.types import MAX_SEED

if TYPE_CHECKING:
    from egoexobench.device import DeviceConfig
    from egoexobench.features.dataset_features import ExtractionResult, Shard
    from egoexobench.features.encoder_runner import EncoderRunner
    from egoexobench.launchers.jobs import OnInterrupt
    from egoexobench.protocols import Dataset, Progress
    from egoexobench.registry import Registry


@click.command("extract")
@click.argument(
    "dataset", metavar="DATASET[:KEY=VALUE,...]", shell_complete=complete_parts("dataset")
)
@click.option(
    "--encoder",
    "specs",
    multiple=True,
    required=True,
    metavar="NAME[:KEY=VALUE,...]",
    shell_complete=complete_parts("encoder"),
    help="Encoder, see `list encoder`. May be repeated.",
)
@click.option(
    "--frames",
    "num_frames",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Frames per clip.",
)
@click.option(
    "--sampling",
    default="egoexolearn",
    show_default=True,
    help="Frame sampling rule, see docs/methods.md.",
)
@click.option(
    "--template",
    "text_template",
    default="{}",
    show_default=True,
    help="Prompt template; {} is replaced by the text.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=MAX_SEED),
    default=0,
    help="Seed for random weights.  [0]",
)
@click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16", "fp16"]),
    default="fp32",
    help="Precision of the forward pass.",
)
@ENCODER_BATCH_OPTION
@click.option(
    "--dtype",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    help="Precision of the stored features.",
)
@click.option(
    "--shard",
    "shard_text",
    default="1/1",
    metavar="i/n",
    help="Encode only part i of n parts; see `merge`.",
)
@click.option(
    "--out",
    metavar="FOLDER",
    help="Folder of the stores; s3://BUCKET/FOLDER, gs:// or az:// uploads them.  [the cache]",
)
@click.option(
    "--import-beats",
    "beats_folder",
    type=click.Path(path_type=Path),
    help="Import audio features {uid}_{start}-{end}.pt of this folder instead of encoding.",
)
@click.option(
    "--export",
    "exported",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.safetensors",
    help="Also write the features to a file that other code and `features:file=` read.",
)
@click.option(
    "--on",
    "launcher",
    metavar="NAME[:KEY=VALUE,...]",
    shell_complete=complete_parts("launcher"),
    help="Extract in portions that a launcher places on GPUs or machines, see `list launcher`.",
)
@ON_INTERRUPT_OPTION
@JSON_OPTION
@click.option("--portion-report", type=click.Path(path_type=Path), hidden=True)
@click.pass_context
def extract_command(
    ctx: click.Context,
    dataset: str,
    specs: tuple[str, ...],
    num_frames: int,
    sampling: str,
    text_template: str,
    seed: int,
    device: str,
    precision: Literal["fp32", "bf16", "fp16"],
    encoder_batch: int | None,
    dtype: Literal["fp32", "fp16"],
    shard_text: str,
    out: str | None,
    beats_folder: Path | None,
    exported: Path | None,
    launcher: str | None,
    on_interrupt: OnInterrupt,
    as_json: bool,
    portion_report: Path | None,
) -> None:
    """Encode every clip or text of a data set once and store the features for later runs.

    Stored features are not computed again, so you can repeat the command after an interruption.
    Exit code 1 means that some clips could not be encoded.
    """
    check_interrupt_option(launcher, on_interrupt)
    parts = load_registry(ctx)
    from dataclasses import replace

    from egoexobench.data.sampling import get_sampler
    from egoexobench.device import DeviceConfig
    from egoexobench.features.dataset_features import (
        SamplingConfig,
        export_features,
        extract_features,
        parse_shard,
    )
    from egoexobench.features.store_folder import find_feature_root
    from egoexobench.launchers.portion_report import PortionProgress

    shard, root = parse_shard(shard_text), find_feature_root(out)
    if launcher is not None:
        results = extract_in_portions(ctx, parts, root=root, on=launcher, on_interrupt=on_interrupt)
        print_results(results, out or str(root), as_json=as_json)
        return
    get_sampler(sampling)
    created: Dataset = parts.create("dataset", dataset)
    compute = DeviceConfig(device, precision, encoder_batch=encoder_batch)
    runners = {
        spec: replace(_build_runner(parts, spec, seed, compute), storage_dtype=dtype)
        for spec in specs
    }
    if beats_folder is not None and len(runners) > 1:
        raise UsageError("--import-beats needs exactly one --encoder: the one of the features")
    if external := next((spec for spec, runner in runners.items() if runner.feature_source), None):
        raise UsageError(
            f"{external} has features that were made elsewhere: there is nothing to do"
        )
    if exported is not None:
        _check_export(exported, len(runners), is_part=shard.count > 1 or beats_folder is not None)
    portion = None if portion_report is None else PortionProgress(portion_report)
    progress = portion or create_progress()
    created.prepare(progress)
    if beats_folder is None:
        config = SamplingConfig(num_frames, sampling, text_template)
        results = extract_features(
            created, runners, config, root=root, progress=progress, shard=shard
        )
        if portion is not None:
            portion.finish(results)
        if exported is not None:
            ((spec, runner),) = runners.items()
            num_items = export_features(
                created,
                runner,
                config,
                root=root,
                progress=progress,
                path=exported,
                metadata={"dataset": dataset, "encoder": spec},
            )
            show_text(
                f"{exported}: features of {num_items} of {results[spec].num_requested}",
                is_error=as_json,
            )
        print_results(results, out or str(root), as_json=as_json)
        return
    ((spec, runner),) = runners.items()
    result = _import_features(
        created, runner, beats_folder, root=root, progress=progress, shard=shard
    )
    if result.failures and parts.resolve("encoder", spec)[1].get("weights", "") is None:
        show_text(
            f"{spec} has random weights, and `run` uses them for clips without an imported feature",
            is_error=True,
        )
    print_results({spec: result}, out or str(root), as_json=as_json)


def _check_export(path: Path, num_encoders: int, *, is_part: bool) -> None:
    from egoexobench.files import check_writable

    if path.suffix != ".safetensors":
        raise UsageError(f"--export {path} is not valid: the name must end with .safetensors")
    if num_encoders > 1 or is_part:
        raise UsageError("--export needs one --encoder, and neither --shard nor --import-beats")
    check_writable(path)


def _build_runner(parts: Registry, spec: str, seed: int, compute: DeviceConfig) -> EncoderRunner:
    """Build an encoder as a method does, in the role of its modality."""
    from egoexobench.device import resolve_device
    from egoexobench.experiment.build import build_encoder, resolve_method
    from egoexobench.experiment.roles import find_modality
    from egoexobench.method import make_encoder_method

    part, options = parts.resolve("encoder", spec)
    role = find_modality(part, options)
    resolved = resolve_method(parts, make_encoder_method(role, spec), seed)
    return build_encoder(resolved, role, resolve_device(compute))


def _import_features(
    dataset: Dataset,
    runner: EncoderRunner,
    folder: Path,
    *,
    root: Path,
    progress: Progress,
    shard: Shard,
) -> ExtractionResult:
    from egoexobench.features.dataset_features import list_shard_clips, write_receipt
    from egoexobench.features.encode_clips import open_store
    from egoexobench.features.import_beats import import_features

    clips = list_shard_clips(dataset, shard)
    result = import_features(clips, runner, folder, root=root, progress=progress)
    write_receipt(dataset, open_store(runner, root).folder, shard, result)
    return result
