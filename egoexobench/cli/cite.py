"""`egoexobench cite NAME`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from egoexobench.cli.plugins import load_registry
from egoexobench.hookspecs import PROJECT_NAME
from egoexobench.terminal import show_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.citations import CitedWork


@click.command("cite")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.pass_context
def cite_command(ctx: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Print BibTeX of the works that methods, data sets and other parts come from.

    NAMES are names of parts, or egoexobench for the toolkit, which is meant without a name.
    A part of a plug-in is cited by the file references.bib of its package.
    """
    from egoexobench.citations import find_works

    works = find_works(load_registry(ctx), names or (PROJECT_NAME,))
    show_text(_format_json(works) if as_json else "\n\n".join(work.bibtex for work in works))


def _format_json(works: Sequence[CitedWork]) -> str:
    listed = [{"key": work.key, "bibtex": work.bibtex, "parts": work.parts} for work in works]
    return json.dumps({"schema_version": 1, "works": listed}, indent=1, ensure_ascii=False)
