"""`egoexobench verify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egoexobench.cli.completion import complete_parts
from egoexobench.errors import UsageError
from egoexobench.terminal import show_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.verification.result import Verification


@click.command("verify")
@click.argument(
    "bundles", nargs=-1, required=True, metavar="BUNDLE...", type=click.Path(path_type=Path)
)
@click.option(
    "--rerun", "is_rerun", is_flag=True, help="Also make each run again and compare the results."
)
@click.option(
    "--dataset",
    metavar="NAME[:KEY=VALUE,...]",
    shell_complete=complete_parts("dataset"),
    help="For --rerun: the data set with the path that the record shortened.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="For --rerun: a setting with the path that the record shortened. May be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON and nothing else.")
@click.pass_context
def verify_command(
    ctx: click.Context,
    bundles: tuple[Path, ...],
    is_rerun: bool,
    dataset: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Recompute what records say, from the files beside them, in a process without plug-ins.

    BUNDLE is a record, or a folder with records. Ranks are recomputed from embeddings and queries,
    metrics and intervals from ranks, fingerprints from their texts. It needs neither the data set
    nor weights. The exit code is 1 if anything differs.
    """
    if (dataset or overrides) and not is_rerun:
        raise UsageError("--dataset and --set are for --rerun: add it, or leave them out")
    from egoexobench.records.store import list_records
    from egoexobench.verification.process import verify_bundles

    results = verify_bundles(list_records(bundles))
    if is_rerun:
        from egoexobench.results.rerun_process import RerunCommand, verify_rerun

        command = RerunCommand(tuple(ctx.obj or ()), dataset, overrides)
        results = tuple(
            verify_rerun(item, command) if item.is_verified else item for item in results
        )
    if as_json:
        show_text(json.dumps([item.to_dict() for item in results], indent=2))
    else:
        _print_results(results)
    if not all(item.is_verified for item in results):
        ctx.exit(1)


def _print_results(results: Sequence[Verification]) -> None:
    for item in results:
        show_text(str(item))
