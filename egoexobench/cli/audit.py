"""`egoexobench audit`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egoexobench.cli.plugins import registry
from egoexobench.cli.settings import Settings, setting_options

if TYPE_CHECKING:
    from rich.table import Table

    from egoexobench.records.audit import Audit

SWAPS = "Cosine distances by which embeddings move when a modality is exchanged between clips.\n"
SHIFTS = "Gallery top-1 in %, before and after; – where that side does not move.\n"
DOORS = "Embeddings after what they must not see has changed; a nudge may move them a little.\n"


@click.command("audit")
@click.argument("method", metavar="METHOD[:KEY=VALUE,...]")
@setting_options
@click.option("--out", type=click.Path(path_type=Path), default="runs", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the audit as JSON and nothing else.")
@click.pass_context
def command(
    ctx: click.Context,
    method: str,
    out: Path,
    as_json: bool,
    given: Settings,
) -> None:
    """Swap each modality between clips and tell which of them a method really reads.

    Trains the method as `run` does, or loads its weights. Exits with 1 if it reads what it does
    not declare, or declares what it does not read (docs/evidence.md).
    """
    found = registry(ctx)
    from egoexobench.audit.run import audit_method
    from egoexobench.experiment.context import RunContext
    from egoexobench.progress import NullProgress, RichProgress
    from egoexobench.records.audit import save_audit

    quiet = as_json or not sys.stderr.isatty()
    context = RunContext(found, NullProgress() if quiet else RichProgress())
    result = audit_method(given.request(method), context)
    path = save_audit(result, out)
    if as_json:
        click.echo(result.model_dump_json(indent=2))
    else:
        _show(result)
        click.echo(f"Audit: {path}")
    ctx.exit(0 if result.passed else 1)


def _show(audit: Audit) -> None:
    from rich.console import Console

    from egoexobench.records.audit import list_failures

    console = Console()
    for table, note in ((_swaps, SWAPS), (_shifts, SHIFTS), (_doors, DOORS)):
        console.print(table(audit))
        console.print(note, highlight=False, soft_wrap=True)
    for line in list_failures(audit):
        console.print(f"FAILS  {line}", highlight=False, soft_wrap=True)
    if audit.passed:
        console.print("The audit is passed: embeddings move with what is declared and no more.")


def _swaps(audit: Audit) -> Table:
    method = audit.method
    title = f"{method.spec} ({method.scale}) on {audit.dataset.spec}, seed {audit.seed}"
    made = _table(title, ("embedding", "exchanged"), ("items", "moved", "median", "max"))
    made.add_column("verdict", no_wrap=True)
    for one in audit.swaps:
        moved = one.shift
        made.add_row(
            one.embedding,
            one.modality,
            str(one.num_changed),
            f"{moved.num_moved} of {moved.num_items}",
            f"{moved.median:.2g}",
            f"{moved.max:.2g}",
            f"{'declared' if one.declared else 'undeclared'}, {one.verdict}",
        )
    return made


def _shifts(audit: Audit) -> Table:
    made = _table(
        None, ("task", "exchanged"), ("top-1", "query side", "candidate side", "both", "n")
    )
    for one in audit.shifts:
        values = (one.before, one.query, one.candidate, one.both)
        cells = ("–" if value is None else f"{value:.1f}" for value in values)
        made.add_row(one.task, one.modality, *cells, str(one.n))
    return made


def _doors(audit: Audit) -> Table:
    made = _table(None, ("changed in the data set", "embedding"), ("moved", "median", "max"))
    made.add_column("verdict", no_wrap=True)
    for one in audit.invariances:
        moved = one.shift
        cells = ("–", "–", "–")
        if moved:
            cells = (
                f"{moved.num_moved} of {moved.num_items}",
                f"{moved.median:.2g}",
                f"{moved.max:.2g}",
            )
        made.add_row(one.change, one.embedding, *cells, one.verdict)
    return made


def _table(title: str | None, words: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    from rich import box
    from rich.table import Table

    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for name in words:
        made.add_column(name, no_wrap=True)
    for name in numbers:
        made.add_column(name, justify="right", no_wrap=True)
    return made
