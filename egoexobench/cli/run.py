"""`egoexobench run`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egoexobench.cli.common_options import (
    KEEP_TOP_OPTION,
    NO_EMBEDDINGS_OPTION,
    RECORD_FOLDER_OPTION,
    RECORD_JSON_OPTION,
    RUN_TASKS_OPTION,
    TRACK_OPTION,
    select_tasks,
)
from egoexobench.cli.completion import complete_parts
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.cli.training_options import (
    TrainingOptions,
    add_training_options,
    list_typed,
)
from egoexobench.errors import UsageError
from egoexobench.launch_variables import hide_library_messages, is_first_process
from egoexobench.terminal import show_renderable, show_text

if TYPE_CHECKING:
    from egoexobench.results.run_result import RunResult


@click.command("run")
@click.option(
    "--method",
    metavar="NAME[:KEY=VALUE,...]",
    shell_complete=complete_parts("method"),
    help="Method, see `list method`.",
)
@click.option(
    "--from",
    "recorded",
    type=click.Path(exists=True, path_type=Path),
    metavar="RECORD",
    help="Run this record again; the options that you give replace what it says.",
)
@add_training_options
@RUN_TASKS_OPTION
@RECORD_FOLDER_OPTION
@NO_EMBEDDINGS_OPTION
@KEEP_TOP_OPTION
@TRACK_OPTION
@RECORD_JSON_OPTION
@click.pass_context
def run_command(
    ctx: click.Context,
    method: str | None,
    recorded: Path | None,
    tasks: tuple[str, ...],
    out: Path,
    no_embeddings: bool,
    keep_top: int,
    trackers: tuple[str, ...],
    as_json: bool,
    options: TrainingOptions,
) -> None:
    """Train a method, score it and write the record of the run.

    Trained weights and encoded features are cached, so you can repeat the command after an
    interruption. With --from, the run of a record is made again, and the command says where the
    result differs.
    """
    if method is None and recorded is None:
        raise UsageError("name a method with --method NAME, or a record with --from RECORD")
    hide_library_messages()
    registry = load_registry(ctx)
    from egoexobench.experiment.context import RunContext
    from egoexobench.experiment.run import run_experiment
    from egoexobench.spec import Spec

    requested = select_tasks(tasks)
    context = RunContext(
        registry,
        create_progress(is_quiet=as_json),
        trackers=tuple(map(Spec.parse, trackers)),
    )
    command = tuple(sys.argv[1:])
    if recorded is not None:
        from egoexobench.experiment.rerun import rerun_record

        changes = options.to_changes(method, requested if tasks else None, list_typed(ctx))
        embeddings = False if no_embeddings else None
        changes = replace(changes, keep_embeddings=embeddings, keep_top=keep_top)
        rerun = rerun_record(recorded, out=out, context=context, changes=changes, command=command)
        if not is_first_process():
            return
        print_result(rerun.result, as_json=as_json)
        show_text("\n".join(rerun.list_lines()), is_error=as_json)
        return
    assert method is not None  # noqa: S101 - checked above
    config = options.to_run_config(method, requested, out, command)
    config = replace(config, keep_embeddings=not no_embeddings, keep_top=keep_top)
    result = run_experiment(config, context)
    if is_first_process():
        print_result(result, as_json=as_json)


def print_result(result: RunResult, *, as_json: bool) -> None:
    """Print the table of a run, what was not scored and where the record is; or JSON."""
    if as_json:
        show_text(result.record.model_dump_json(indent=2))
        return
    from egoexobench.results.run_table import TEXT_WIDTH, build_run_report

    show_renderable(build_run_report(result.record), min_width=TEXT_WIDTH)
    for skipped in result.skipped_tasks:
        show_text(f"{skipped.task} is not scored: {skipped.reason}")
    if coverage := result.record.coverage:
        show_text(
            f"Used {coverage.num_used} of {coverage.num_clips} clips "
            f"(subset {coverage.subset_hash}): "
            + ", ".join(f"{count} {reason}" for reason, count in coverage.num_excluded.items())
            + (f", {coverage.num_rejected} rows rejected" if coverage.num_rejected else "")
        )
    show_text(f"Record: {result.path}")
