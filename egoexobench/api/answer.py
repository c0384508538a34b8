"""`answer`: a multimodal model chooses candidates, from Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from egoexobench.api.arguments import AnswerArguments, check_arguments, name_argument
from egoexobench.api.experiments import make_progress
from egoexobench.api.installed_parts import load_installed_parts
from egoexobench.part_errors import name_failing_part
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench.results.run_result import RunResult


def answer(
    answerer: str | Spec,
    *,
    dataset: str | Spec = "synthetic",
    tasks: str | Sequence[str] = "eg2ex",
    policy: str = "mcq20",
    max_queries: int | None = None,
    name: str | None = None,
    seed: int = 0,
    retry: bool = False,
    allow_missing: bool = False,
    allow_overlap: bool = False,
    export: str | Path | None = None,
    out: str | Path = "runs",
    progress: bool | None = None,
) -> RunResult:
    """Ask a multimodal model which candidate belongs to a query, as `egoexobench answer` does.

    Args:
        answerer: name of an answerer, with its options: ``"openai:model=NAME"``.
        dataset: name of a data set, with its options: ``"folder:path=clips"``.
        tasks: one retrieval task or several: ``eg2ex``, ``ex2eg``, ``t2v`` and ``v2t``.
        policy: candidates of a question: ``"mcq20"``, or ``"gallery"`` of a small data set.
        max_queries: ask so many questions of each task, chosen by the seed; None asks all.
        name: of the method, in tables; None is that of the model.
        seed: of the order of the candidates, of ``max_queries`` and of the intervals.
        retry: ask questions again that got no valid answer before.
        allow_missing: leave out questions without a response or with missing media, and record how
            many.
        allow_overlap: go on if test clips have the content of clips of train or val, and record how
            many.
        export: also write the answers to this file.
        out: folder of the record.
        progress: show bars in a terminal and lines elsewhere; None does so, False shows none.

    Returns:
        The result; ``print(result)`` shows its table, ``result.frame()`` its scores.

    Raises:
        UsageError: for an argument that is not valid, or questions with too many candidates.
        DataError: if media are missing, or a question got no response; answers so far are stored.
    """
    arguments = check_arguments(AnswerArguments, locals())
    from egoexobench.experiment.answer_run import AnswerConfig, ask_and_score
    from egoexobench.experiment.context import RunContext

    registry = load_installed_parts()
    for kind in ("answerer", "dataset"):
        with name_argument(kind):
            registry.resolve(kind, getattr(arguments, kind))
    config = AnswerConfig(
        dataset=arguments.dataset,
        answerer=arguments.answerer,
        tasks=arguments.tasks,
        policy=arguments.policy,
        max_queries=arguments.max_queries,
        name=arguments.name,
        seed=arguments.seed,
        retry_refused=arguments.retry,
        allow_missing=arguments.allow_missing,
        allow_overlap=arguments.allow_overlap,
        export=arguments.export,
        out=arguments.out,
    )
    context = RunContext(registry, make_progress(is_shown=arguments.progress))
    with name_failing_part(registry):
        result = ask_and_score(config, context)
    assert result is not None  # noqa: S101 - it is None for an estimate alone
    return result
