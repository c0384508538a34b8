"""`egoexobench list KIND`."""

from __future__ import annotations

import click

from egoexobench.cli.common_options import JSON_OPTION
from egoexobench.cli.plugins import load_registry
from egoexobench.registry import PART_KINDS
from egoexobench.terminal import show_text
from egoexobench.unavailable_parts import iter_unavailable_parts


@click.command("list")
@click.argument("kind", type=click.Choice([*PART_KINDS, "all"]), default="all")
@JSON_OPTION
@click.pass_context
def list_command(ctx: click.Context, kind: str, as_json: bool) -> None:
    """List the installed parts: kind, name, distribution and a description.

    Systems that people look for and that are not available follow, each with the reason.
    """
    registry = load_registry(ctx)
    kinds = PART_KINDS if kind == "all" else (kind,)
    if as_json:
        from egoexobench.cli.part_json import make_part_listing

        show_text(make_part_listing(registry, kinds).model_dump_json(indent=2))
        return
    parts = [part for name in kinds for part in registry.list_parts(name)]
    rows = [(p.kind, p.name, str(p.distribution), p.summary) for p in parts]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        show_text("  ".join((*cells, row[3])))
    installed = {(part.kind, part.name) for part in parts}
    for part_kind, name, reason in iter_unavailable_parts(kinds, installed):
        show_text(f"{part_kind} {name} is not available: {reason}")
