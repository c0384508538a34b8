"""`egoexobench audit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egoexobench.cli.completion import complete_parts
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.cli.training_options import (
    TrainingOptions,
    add_training_options,
    list_typed,
)
from egoexobench.errors import UsageError
from egoexobench.files import check_writable
from egoexobench.terminal import show_renderable, show_text

if TYPE_CHECKING:
    from rich.table import Table

    from egoexobench.records.audit import Audit, EmbeddingShift

SWAPS_NOTE = "Cosine distance by which embeddings move when a modality is swapped.\n"
TASKS_NOTE = (
    "Gallery R@1 in %, before and after a swap; – if the embeddings of a side do not move.\n"
)
INVARIANCES_NOTE = (
    "Embeddings after a change that they must not depend on; a small change of the media may move "
    "them a little.\n"
)
BATCHES_NOTE = (
    "Every clip and text of the test split computed again: relative distance from what is scored, "
    "and the distance that rounding explains.\n"
)
FRESH_DATA_NOTE = (
    "Mean reciprocal rank over the gallery, on the test split and on as many pairs that were "
    "generated for this audit; confirmed: not lower by clearly more than 0.05.\n"
)
PASSED_NOTE = (
    "Passed: the embeddings use the declared inputs of their own clip or text; no check showed "
    "anything else."
)


@click.command("audit")
@click.argument(
    "method",
    metavar="[METHOD[:KEY=VALUE,...]]",
    shell_complete=complete_parts("method"),
    required=False,
)
@click.option(
    "--from",
    "recorded",
    type=click.Path(exists=True, path_type=Path),
    metavar="RECORD",
    help="Audit the run of this record, and check that its embeddings are those of the audit.",
)
@add_training_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="runs",
    show_default=True,
    help="Folder of the audit.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the audit as JSON and nothing else.")
@click.pass_context
def audit_command(
    ctx: click.Context,
    method: str | None,
    recorded: Path | None,
    out: Path,
    as_json: bool,
    options: TrainingOptions,
) -> None:
    """Report what the embeddings of METHOD depend on.

    Trains the method as `run` does, or loads its cached weights. Swaps each modality between clips,
    changes what a method must not read, computes every clip and text again, and scores fresh data.
    Exit code 1 means that a check failed, for example that the method uses an input that it does
    not declare; see docs/evidence.md. With --from, the run of a record is audited, and the command
    fails if its embeddings are not those of the audit.
    """
    if method is None and recorded is None:
        raise UsageError("name a METHOD, or a record with --from RECORD")
    check_writable(out, is_folder=True)
    registry = load_registry(ctx)
    from egoexobench.audit.run import audit_method
    from egoexobench.experiment.context import RunContext
    from egoexobench.experiment.recorded_config import find_only_record
    from egoexobench.experiment.rerun import prepare_rerun
    from egoexobench.records.audit import save_audit

    context = RunContext(registry, create_progress(is_quiet=as_json))
    if recorded is not None:
        changes = options.to_changes(method, None, list_typed(ctx))
        record = find_only_record(recorded)
        result = audit_method(prepare_rerun(record, changes, context), context, record)
    else:
        assert method is not None  # noqa: S101 - checked above
        result = audit_method(options.to_run_config(method), context)
    path = save_audit(result, out)
    if as_json:
        show_text(result.model_dump_json(indent=2))
    else:
        _print_audit(result)
        show_text(f"Audit: {path}")
    ctx.exit(0 if result.passed else 1)


def _print_audit(audit: Audit) -> None:
    from egoexobench.records.audit import list_failures

    for table, note in (
        (_build_swaps_table(audit), SWAPS_NOTE),
        (_build_tasks_table(audit), TASKS_NOTE),
        (_build_invariances_table(audit), INVARIANCES_NOTE),
        (_build_batches_table(audit), BATCHES_NOTE),
    ):
        show_renderable(table)
        show_text(note)
    if audit.fresh_data:
        show_renderable(_build_fresh_data_table(audit))
        show_text(FRESH_DATA_NOTE)
    for line in list_failures(audit):
        show_text(f"FAILS  {line}")
    if audit.passed:
        show_text(PASSED_NOTE)


def _build_swaps_table(audit: Audit) -> Table:
    from egoexobench.results.run_table import format_run_title

    title = format_run_title(audit.method, audit.dataset, audit.seed)
    table = _create_table(title, ("embedding", "swapped"), ("items", "moved", "median", "max"))
    table.add_column("verdict", no_wrap=True)
    for swap in audit.swaps:
        declared = "declared" if swap.declared else "undeclared"
        table.add_row(
            swap.embedding,
            swap.modality,
            str(swap.num_changed),
            *_format_shift(swap.shift),
            f"{declared}, {swap.verdict}",
        )
    return table


def _build_tasks_table(audit: Audit) -> Table:
    table = _create_table(
        None, ("task", "swapped"), ("R@1", "query side", "candidate side", "both", "n")
    )
    for shift in audit.shifts:
        values = (shift.before, shift.query, shift.candidate, shift.both)
        cells = ("–" if value is None else f"{value:.1f}" for value in values)
        table.add_row(shift.task, shift.modality, *cells, str(shift.n))
    return table


def _build_invariances_table(audit: Audit) -> Table:
    table = _create_table(None, ("change in the data set", "embedding"), ("moved", "median", "max"))
    table.add_column("verdict", no_wrap=True)
    for check in audit.invariances:
        cells = _format_shift(check.shift)
        table.add_row(check.change, check.embedding, *cells, check.verdict)
    return table


def _build_batches_table(audit: Audit) -> Table:
    table = _create_table(None, ("computed", "result"), ("moved", "max", "rounding"))
    table.add_column("verdict", no_wrap=True)
    for check in audit.batches:
        moved = f"{check.num_moved} of {check.num_items}"
        distances = f"{check.max:.1g}", f"{check.tolerance:.1g}"
        result = f"{check.role} {check.stage}"
        table.add_row(check.condition, result, moved, *distances, check.verdict)
    return table


def _build_fresh_data_table(audit: Audit) -> Table:
    table = _create_table(None, ("task",), ("test split", "fresh data", "n"))
    table.add_column("verdict", no_wrap=True)
    for check in audit.fresh_data:
        scores = f"{check.test_mrr:.3f}", f"{check.fresh_mrr:.3f}"
        table.add_row(check.task, *scores, str(check.num_queries[1]), check.verdict)
    return table


def _format_shift(shift: EmbeddingShift | None) -> tuple[str, str, str]:
    if shift is None:
        return "–", "–", "–"
    share = f"{shift.num_moved} of {shift.num_items}"
    return share, f"{shift.median:.2g}", f"{shift.max:.2g}"


def _create_table(
    title: str | None, text_columns: tuple[str, ...], number_columns: tuple[str, ...]
) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for name in text_columns:
        table.add_column(name, no_wrap=True)
    for name in number_columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table
