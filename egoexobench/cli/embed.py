"""`egoexobench embed`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from egoexobench.cli.plugins import registry
from egoexobench.cli.settings import Settings, setting_options
from egoexobench.errors import DataError, UsageError


@click.command("embed")
@click.argument("method", metavar="METHOD[:KEY=VALUE,...]")
@setting_options
@click.option("--split", type=click.Choice(["train", "val", "test"]), default="test")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE.safetensors")
@click.pass_context
def command(
    ctx: click.Context,
    method: str,
    split: Literal["train", "val", "test"],
    out: Path,
    given: Settings,
) -> None:
    """Write a method's final embeddings of a split's videos and texts, with their ids.

    The method is trained as `run` does, or its weights are loaded.
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"{out} must end with .safetensors")
    if out.exists():
        raise DataError(f"{out} exists already; delete it or name another")
    parts = registry(ctx)
    from egoexobench.experiment.context import RunContext
    from egoexobench.experiment.prepare import embed_split, train_method
    from egoexobench.features.embeddings_file import write_embeddings
    from egoexobench.progress import NullProgress, RichProgress

    progress = RichProgress() if sys.stderr.isatty() else NullProgress()
    trained = train_method(given.request(method), RunContext(parts, progress))
    embedded = embed_split(trained, (split,))
    sides = {"videos": embedded.videos, "texts": embedded.texts}
    there = {name: one for name, one in sides.items() if one is not None}
    about = {
        "method": method,
        "recipe": trained.record.fingerprint,
        "dataset": given.dataset,
        "dataset_fingerprint": trained.scored.record.fingerprint,
        "split": split,
        "seed": str(given.seed),
    }
    write_embeddings(out, there, about)
    for name, one in there.items():
        click.echo(f"{name}: {len(one.ids)} embeddings of {one.vectors.shape[1]} numbers")
    click.echo(f"Embeddings: {out}")
