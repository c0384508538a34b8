"""`egoexobench embed`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import click

from egoexobench.cli.completion import complete_parts
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.cli.training_options import TrainingOptions, add_training_options
from egoexobench.errors import DataError, UsageError
from egoexobench.files import check_writable
from egoexobench.terminal import show_text


@click.command("embed")
@click.argument("method", metavar="METHOD[:KEY=VALUE,...]", shell_complete=complete_parts("method"))
@add_training_options
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test"]),
    default="test",
    show_default=True,
    help="Split to embed.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE.safetensors",
    help="File to write.",
)
@click.pass_context
def embed_command(
    ctx: click.Context,
    method: str,
    split: Literal["train", "val", "test"],
    out: Path,
    options: TrainingOptions,
) -> None:
    """Write the embeddings of the videos and texts of a split, with their ids.

    The method is trained as `run` trains it, or its cached weights are loaded.
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"--out {out} is not valid: the name must end with .safetensors")
    if out.exists():
        raise DataError(f"{out} already exists; delete it or choose another name")
    check_writable(out)
    registry = load_registry(ctx)
    from egoexobench.experiment.consistency import embed_and_check
    from egoexobench.experiment.context import RunContext
    from egoexobench.experiment.prepare import train_method
    from egoexobench.experiment.scoring import get_input_protocol
    from egoexobench.external.claims import PROTOCOL_KEY
    from egoexobench.features.embeddings_file import write_embeddings

    context = RunContext(registry, create_progress())
    trained = train_method(options.to_run_config(method), context)
    embedded = embed_and_check(trained, split)
    sides = {"videos": embedded.videos}
    if embedded.texts is not None:
        sides["texts"] = embedded.texts
    metadata = {
        "method": method,
        "recipe": trained.record.fingerprint,
        "dataset": options.dataset,
        "dataset_fingerprint": trained.scored.record.fingerprint,
        "split": split,
        "seed": str(options.seed),
        PROTOCOL_KEY: json.dumps(asdict(get_input_protocol(trained.parts))),
    }
    write_embeddings(out, sides, metadata)
    for name, embeddings in sides.items():
        num_dims = embeddings.vectors.shape[1]
        show_text(f"{name}: {len(embeddings.ids)} embeddings with {num_dims} dimensions")
    show_text(f"Embeddings: {out}")
