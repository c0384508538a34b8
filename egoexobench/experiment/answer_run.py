"""Asks an answerer the questions of a data set and scores its answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoexobench import files
from egoexobench.answering.answer_cache import open_answer_cache
from egoexobench.answering.ask import AnswerSession, AnswerSet
from egoexobench.answering.items import QuestionSource
from egoexobench.answering.plan import check_num_candidates, select_questions
from egoexobench.answering.stats import AnswerStats, format_reasons
from egoexobench.data.sampling import DEFAULT_SAMPLING
from egoexobench.errors import DataError, notify
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.evaluation.tracks import InputProtocol
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.describe import to_part_record
from egoexobench.experiment.external_run import score_external
from egoexobench.experiment.external_source import ExternalConfig
from egoexobench.experiment.part_identity import describe_part_identity
from egoexobench.experiment.questions import DatasetItems
from egoexobench.experiment.subset import ALLOW_MISSING_HINT, select_usable
from egoexobench.external.claims import check_name
from egoexobench.features.media_hash import hash_media_files
from egoexobench.files import check_writable, write_text_atomic
from egoexobench.identity import Identity
from egoexobench.protocols import Answerer, Dataset, HasAnswerKey
from egoexobench.records.answers_file import format_answers
from egoexobench.records.schema import AnswererRecord
from egoexobench.registry import PartFactory
from egoexobench.results.run_result import RunResult
from egoexobench.spec import Spec
from egoexobench.types import TEXT_TASKS, CandidatePolicy, ClipFormat, Evidence, Task

SERVER_OPTION = "base_url"
"""Option of an answerer that says where its server is, which no record needs to know."""
_BASE_URL = re.compile(rf"(?<=[:,]){SERVER_OPTION}=[^,]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerConfig:
    """Which questions are asked to whom."""

    dataset: Spec
    answerer: Spec
    tasks: tuple[Task, ...] = ("eg2ex",)
    policy: CandidatePolicy = "mcq20"
    max_queries: int | None = None
    """Largest number of questions of a task, chosen by the seed; None asks all."""
    name: str | None = None
    """Of the method in tables; None is the model of the answerer, or its name."""
    seed: int = 0
    """Of the order of candidates, of the questions that are asked, and of the intervals."""
    retry_refused: bool = False
    """Ask questions again that got no valid answer before."""
    allow_missing: bool = False
    allow_overlap: bool = False
    export: Path | None = None
    """File for the answers, as `score --answers` reads it."""
    out: Path = Path("runs")
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenedAnswerer:
    """An answerer and where it comes from."""

    answerer: Answerer
    factory: PartFactory
    options: Mapping[str, Any]
    identity: Identity

    @property
    def label(self) -> str:
        """Kind, name and distribution, for messages."""
        return str(self.factory)

    @property
    def key(self) -> dict[str, Any]:
        """What decides its answers; empty for one without a model."""
        return dict(self.answerer.key) if isinstance(self.answerer, HasAnswerKey) else {}


def ask_and_score(
    config: AnswerConfig, context: RunContext, *, only_estimate: bool = False
) -> RunResult | None:
    """Ask the questions of a data set, and score and record the answers.

    Args:
        config: the questions and the answerer.
        context: creates the parts and shows the stages.
        only_estimate: say what would be sent, and send nothing; the result is None.

    Raises:
        UsageError: for an option that is not valid, or questions with too many candidates.
        DataError: if media are missing, or if a question got no response; answers so far are
            stored.
    """
    opened = _open_answerer(config, context)
    name = check_name(config.name or _make_name(opened))
    check_writable(config.out, is_folder=True)
    if config.export:
        check_writable(config.export)
    with context.timer.stage("prepare"):
        session = _open_session(config, opened, context)
    _explain_requests(session)
    if only_estimate:
        return None
    with context.timer.stage("answer"):
        result = session.ask(context.progress)
    _report(result.stats)
    if config.export and result.answers:
        write_text_atomic(config.export, format_answers(result.answers, result.answers))
    _require_answers(result, allow_missing=config.allow_missing)
    return score_external(
        _describe_run(config, opened, session, result, name=name), result.answers, context
    )


def _open_answerer(config: AnswerConfig, context: RunContext) -> OpenedAnswerer:
    factory, options = context.registry.resolve("answerer", config.answerer)
    answerer: Answerer = factory.create(options=options)
    return OpenedAnswerer(answerer, factory, options, describe_part_identity(factory, options))


def _make_name(opened: OpenedAnswerer) -> str:
    model = str(opened.key.get("model", opened.factory.name))
    return re.sub(r"[^A-Za-z0-9._+@()-]+", "-", model).strip("-._+@()")[:80] or "answerer"


def _open_session(
    config: AnswerConfig, opened: OpenedAnswerer, context: RunContext
) -> AnswerSession:
    dataset: Dataset = context.registry.create("dataset", config.dataset)
    name = config.dataset.name
    questions = select_questions(
        dataset,
        name,
        config.tasks,
        config.policy,
        seed=config.seed,
        max_queries=config.max_queries,
    )
    check_num_candidates(questions, opened.answerer.max_candidates, opened.label)
    dataset.prepare(context.progress)
    subset = select_usable(dataset, name, allow_missing=config.allow_missing)
    clips = {clip.id: clip for clip in subset.clips[TEST_SPLIT]}
    usable = [item for item in questions if clips.keys() >= set(item.clip_ids)]
    if len(usable) < len(questions):
        notify(
            f"{len(questions) - len(usable)} of {len(questions)} questions need a clip without a "
            "media file and are left out"
        )
    media = {clips[clip].media for item in usable for clip in item.clip_ids}
    source = QuestionSource(
        clips=clips,
        texts=DatasetItems(dataset, name).read_texts() if set(config.tasks) & {*TEXT_TASKS} else {},
        media_hashes=hash_media_files(media, files.cache_dir() / "tokens").hashes,
        clip_format=opened.answerer.clip_format,
    )
    return AnswerSession(
        answerer=opened.answerer,
        label=opened.label,
        source=source,
        questions=usable,
        cache=open_answer_cache(opened.identity),
        retry_refused=config.retry_refused,
        allow_missing=config.allow_missing,
    )


def _explain_requests(session: AnswerSession) -> None:
    """Say before anything is sent how much it will be."""
    num_pending = len(session.pending)
    line = (
        f"{len(session.questions)} questions: {session.num_stored} have a stored answer, "
        f"{num_pending} are asked now"
    )
    if size := session.estimate_size():
        line += (
            f" with about {size.num_images} pictures in {size.num_bytes / 1e6:.1f} MB; a question "
            "without a valid answer is asked twice"
        )
    notify(line)


def _report(stats: AnswerStats) -> None:
    if stats.refusals:
        notify(
            f"{sum(stats.refusals.values())} of {stats.num_questions} questions have no valid "
            f"answer ({format_reasons(stats.refusals)}); they count as chance, and --retry asks "
            "them again"
        )
    if bias := stats.positions.describe_bias():
        notify(bias)


def _require_answers(result: AnswerSet, *, allow_missing: bool) -> None:
    """Check that every question has an answer or a refusal.

    Raises:
        DataError: if not, and why.
    """
    stats = result.stats
    num_failed = sum(stats.failures.values())
    if stats.abort_reason:
        raise DataError(
            f"{num_failed} of {stats.num_questions} questions have no answer: {stats.abort_reason}"
        )
    if not num_failed:
        return
    line = (
        f"{num_failed} of {stats.num_questions} questions have no answer "
        f"({format_reasons(stats.failures)})"
    )
    if not allow_missing or not result.answers:
        raise DataError(
            f"{line}; the other answers are stored, so repeat the command to ask these again; "
            f"{ALLOW_MISSING_HINT}"
        )
    notify(f"{line}; they are left out")


def _describe_run(
    config: AnswerConfig,
    opened: OpenedAnswerer,
    session: AnswerSession,
    result: AnswerSet,
    *,
    name: str,
) -> ExternalConfig:
    stats, clip_format = result.stats, session.source.clip_format
    options = {key: value for key, value in opened.options.items() if key != SERVER_OPTION}
    answerer = AnswererRecord(
        part=to_part_record("answerer", opened.factory, options, opened.identity),
        key=opened.key,
        policy=config.policy,
        seed=config.seed,
        max_queries=config.max_queries,
        num_questions=stats.num_questions,
        num_refused=dict(stats.refusals),
        num_failed=dict(stats.failures),
        positions=stats.positions.chosen,
        expected_positions=stats.positions.expected,
    )
    has_texts = bool(set(config.tasks) & {*TEXT_TASKS})
    return ExternalConfig(
        name=name,
        dataset=config.dataset,
        tasks=config.tasks,
        seed=config.seed,
        evidence=list_clip_evidence(clip_format),
        text_evidence=("narration",) if has_texts else (),
        protocol=InputProtocol(
            sampling=DEFAULT_SAMPLING, frames=clip_format.num_frames, resolution=clip_format.side
        ),
        allow_missing=config.allow_missing or config.max_queries is not None,
        allow_overlap=config.allow_overlap,
        out=config.out,
        command=hide_servers(config.command),
        answerer=answerer,
    )


def list_clip_evidence(clip_format: ClipFormat) -> tuple[Evidence, ...]:
    """Return what an answerer is shown of a clip."""
    sides: Mapping[Evidence, bool] = {
        "video": clip_format.num_frames > 0,
        "audio": clip_format.sample_rate is not None,
    }
    return tuple(name for name, is_shown in sides.items() if is_shown)


def hide_servers(command: Sequence[str]) -> tuple[str, ...]:
    """Return a command line without the addresses of servers, which no record needs to know.

    >>> hide_servers(["--answerer", "openai:model=m,base_url=http://node7:8000/v1,side=64"])
    ('--answerer', 'openai:model=m,base_url=...,side=64')
    """
    return tuple(_BASE_URL.sub(f"{SERVER_OPTION}=...", argument) for argument in command)
