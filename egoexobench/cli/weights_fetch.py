"""`egoexobench weights fetch`: downloads everything that encoders or a method need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from egoexobench.cli.plugins import load_registry
from egoexobench.errors import EgoExoBenchError, UsageError
from egoexobench.method import ENCODER_ROLES, Scale
from egoexobench.spec import Spec
from egoexobench.terminal import show_renderable, show_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from egoexobench.registry import Registry
    from egoexobench.toolbox.hub_models import ModelFiles


@click.command("fetch")
@click.argument("specs", nargs=-1, required=True, metavar="NAME[:KEY=VALUE,...]...")
@click.option(
    "--scale",
    type=click.Choice(get_args(Scale)),
    default="compact",
    show_default=True,
    help="Scale of a method.",
)
@click.pass_context
def fetch_weights_command(ctx: click.Context, specs: tuple[str, ...], scale: Scale) -> None:
    """Download the weights of encoders, or of all encoders of a method, before a run.

    Each NAME is an encoder with its options, or a method. An encoder is built once, so what is
    missing, damaged or of another model shows now. Sizes and licenses are printed before a download
    and in the end. With --scale pretrained, everything that a run of the method needs is there
    afterwards.
    """
    registry = load_registry(ctx)
    from egoexobench.toolbox.hub_models import record_models

    with record_models() as models:
        for encoder in [text for spec in specs for text in _list_encoders(registry, spec, scale)]:
            registry.create("encoder", encoder)
    if not models:
        hint = " With --scale pretrained a method has such models." if scale == "compact" else ""
        show_text(f"These encoders need no model by name.{hint}")
        return
    _print_models(list({model.folder: model for model in models}.values()))


def _list_encoders(registry: Registry, text: str, scale: Scale) -> Iterator[str]:
    """Yield the specs of encoders that a spec names; a method has several."""
    name = Spec.parse(text).name
    methods = {part.name for part in registry.list_parts("method")}
    if name not in methods:
        encoders = {
            name for part in registry.list_parts("encoder") for name in (part.name, *part.aliases)
        }
        if name not in encoders and "/" in text:
            raise UsageError(_suggest_encoders(registry, text))
        yield text
        return
    method = registry.create("method", text, scale)
    yield from filter(None, (getattr(method, role) for role in ENCODER_ROLES))


def _suggest_encoders(registry: Registry, model: str) -> str:
    """Say with which encoders a model is named; those that read it, if it is a folder."""
    from egoexobench.options import get_options

    def is_readable(spec: str) -> bool:
        try:
            registry.create("encoder", spec)
        except EgoExoBenchError:
            return False
        return True

    specs = [
        str(Spec(part.name, {"model": model}))
        for part in registry.list_parts("encoder")
        if "model" in get_options(part.factory)
    ]
    readable = [spec for spec in specs if is_readable(spec)] if Path(model).is_dir() else []
    return f"{model!r} is a model; write with which encoder: {' or '.join(readable or specs)}"


def _print_models(models: Sequence[ModelFiles]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    for name in ("model", "commit", "MB", "license", "folder"):
        table.add_column(name, overflow="fold")
    for model in models:
        size = f"{model.num_bytes / 1e6:,.1f}"
        cells = (model.name, model.commit[:7], size, model.license, str(model.folder))
        table.add_row(*map(Text, cells))
    show_renderable(table)
