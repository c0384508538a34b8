"""`egoexobench answer`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from egoexobench.cli.common_options import (
    ALLOW_OVERLAP_OPTION,
    RECORD_FOLDER_OPTION,
    RECORD_JSON_OPTION,
)
from egoexobench.cli.completion import complete_parts
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.cli.run import print_result
from egoexobench.types import (
    MAX_SEED,
    QUESTION_POLICIES,
    RETRIEVAL_TASKS,
    CandidatePolicy,
    Task,
)


@click.command("answer")
@click.argument("dataset", metavar="NAME[:KEY=VALUE,...]", shell_complete=complete_parts("dataset"))
@click.option(
    "--answerer",
    required=True,
    metavar="NAME[:KEY=VALUE,...]",
    shell_complete=complete_parts("answerer"),
    help="Answerer, see `list answerer`, such as openai:model=NAME,base_url=ADDRESS.",
)
@click.option(
    "--task",
    "tasks",
    type=click.Choice(RETRIEVAL_TASKS),
    multiple=True,
    help="Task; may be repeated.  [eg2ex]",
)
@click.option(
    "--policy",
    type=click.Choice(QUESTION_POLICIES),
    default="mcq20",
    show_default=True,
    help="Candidates of a question; an answerer takes short lists only.",
)
@click.option(
    "--max-queries",
    type=click.IntRange(min=1),
    metavar="N",
    help="Ask N questions of each task, chosen by the seed; a larger N asks the same and more.",
)
@click.option("--estimate", is_flag=True, help="Say how much would be sent, and send nothing.")
@click.option("--retry", is_flag=True, help="Ask questions again that got no valid answer before.")
@click.option("--name", help="Name of the method in tables.  [that of the model]")
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=MAX_SEED),
    default=0,
    show_default=True,
    help="Seed of the order of the candidates, of --max-queries and of the intervals.",
)
@click.option(
    "--allow-missing",
    is_flag=True,
    help="Leave out questions without a response or with missing media, and record how many.",
)
@ALLOW_OVERLAP_OPTION
@click.option(
    "--export",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the answers to this file, as `score --answers` reads them.",
)
@RECORD_FOLDER_OPTION
@RECORD_JSON_OPTION
@click.pass_context
def answer_command(
    ctx: click.Context,
    dataset: str,
    answerer: str,
    tasks: tuple[Task, ...],
    policy: CandidatePolicy,
    max_queries: int | None,
    estimate: bool,
    retry: bool,
    name: str | None,
    seed: int,
    allow_missing: bool,
    allow_overlap: bool,
    export: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Ask a multimodal model which candidate belongs to a query; score and record its answers.

    The model gets frames and texts, but no ids, file names or labels. Each answer is stored when it
    arrives, so you can repeat the command after an interruption: only the other questions are
    asked. The record and every table say that nothing was audited.
    """
    registry = load_registry(ctx)
    from egoexobench.experiment.answer_run import AnswerConfig, ask_and_score
    from egoexobench.experiment.context import RunContext
    from egoexobench.spec import Spec

    config = AnswerConfig(
        dataset=Spec.parse(dataset),
        answerer=Spec.parse(answerer),
        tasks=tuple(task for task in RETRIEVAL_TASKS if task in tasks) or ("eg2ex",),
        policy=policy,
        max_queries=max_queries,
        name=name,
        seed=seed,
        retry_refused=retry,
        allow_missing=allow_missing,
        allow_overlap=allow_overlap,
        export=export,
        out=out,
        command=tuple(sys.argv[1:]),
    )
    context = RunContext(registry, create_progress(is_quiet=as_json))
    result = ask_and_score(config, context, only_estimate=estimate)
    if result is not None:
        print_result(result, as_json=as_json)
