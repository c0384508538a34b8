"""Embeddings or answers that were made elsewhere, what is claimed of them, and their data set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from egoexobench.errors import UsageError
from egoexobench.evaluation.answers import Answer
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.evaluation.tracks import InputProtocol
from egoexobench.experiment.embed import SplitEmbeddings
from egoexobench.experiment.inputs import collect_narrations, list_text_ids
from egoexobench.experiment.rankers import AnswerRanker, EmbeddingRanker, QueryRanker
from egoexobench.experiment.subset import UsableSubset
from egoexobench.external import fit
from egoexobench.external.claims import UNKNOWN_PROTOCOL
from egoexobench.external.embeddings import ExternalEmbeddings
from egoexobench.protocols import Dataset
from egoexobench.records.answers_file import format_answers
from egoexobench.records.external import describe_external_method
from egoexobench.records.schema import AnswererRecord, ExternalSource, MethodRecord
from egoexobench.results.run_result import SkippedTask
from egoexobench.spec import Spec
from egoexobench.types import (
    DEFAULT_NUM_TOP,
    RETRIEVAL_TASKS,
    SPLITS,
    TASKS,
    Evidence,
    Task,
)

Answers = Mapping[str, Answer]
"""Answers by id of their query."""
NO_EMBEDDING = "no embedding"
"""Reason of a clip of the test split that is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalConfig:
    """What was given, what is claimed of it, and on which data it is scored."""

    name: str
    dataset: Spec
    tasks: tuple[Task, ...] = TASKS
    seed: int = 0
    """Seed of the confidence intervals."""
    evidence: tuple[Evidence, ...] | None = None
    """What the embeddings of videos, or the answers, are computed from; None is unknown."""
    text_evidence: tuple[Evidence, ...] = ("narration",)
    authors: str | None = None
    protocol: InputProtocol = UNKNOWN_PROTOCOL
    headers: Sequence[Mapping[str, str]] = ()
    """What the files say of themselves."""
    allow_missing: bool = False
    """Leave out queries whose embeddings or answers are missing, and record how many."""
    allow_overlap: bool = False
    out: Path = Path("runs")
    command: tuple[str, ...] = ()
    keep_embeddings: bool = True
    keep_top: int = DEFAULT_NUM_TOP
    """First candidates of each query that are written beside the record; 0 writes none."""
    answerer: AnswererRecord | None = None
    """The part that gave the answers, if this toolkit asked it."""


@dataclass(frozen=True, slots=True)
class MatchedSource:
    """What ranks the queries of a data set, its clips that are used, and the tasks."""

    ranker: QueryRanker
    subset: UsableSubset
    tasks: tuple[Task, ...]
    embeddings: SplitEmbeddings | None = None
    answers: Answers | None = None
    skipped: tuple[SkippedTask, ...] = ()
    """Tasks that cannot be scored."""


def match_source(
    config: ExternalConfig,
    source: ExternalEmbeddings | Answers,
    dataset: Dataset,
    subset: UsableSubset,
) -> MatchedSource:
    """Check that embeddings or answers are those of a data set.

    Args:
        config: the tasks, and whether something may be missing.
        source: the embeddings, or the answers by id of their query.
        dataset: its media may be missing.
        subset: its clips that can be used.

    Raises:
        UsageError: if no task can be scored.
        DataError: for ids, embeddings or answers that are not those of the data set.
    """
    if not isinstance(source, ExternalEmbeddings):
        fit.check_answers(
            dataset,
            str(config.dataset),
            source,
            config.tasks,
            allow_missing=config.allow_missing,
        )
        answered = AnswerRanker(source, config.keep_top)
        return MatchedSource(answered, subset, config.tasks, answers=source)
    _check_embeddings(config, source, dataset, subset)
    test_ids = [clip.id for clip in subset.clips[TEST_SPLIT]]
    absent = fit.check_complete("clip", test_ids, source.videos, allow_missing=config.allow_missing)
    skipped = tuple(
        SkippedTask(task, reason)
        for task in config.tasks
        if (reason := _explain_skip(config, source, dataset, task))
    )
    tasks = tuple(t for t in config.tasks if t not in {item.task for item in skipped})
    if not tasks:
        raise UsageError("; ".join(f"{item.task}: {item.reason}" for item in skipped))
    embeddings = SplitEmbeddings(source.videos, source.texts)
    ranker = EmbeddingRanker(embeddings, config.protocol.similarity, num_top=config.keep_top)
    used = subset.exclude(dict.fromkeys(absent, NO_EMBEDDING))
    return MatchedSource(ranker, used, tasks, embeddings, skipped=skipped)


def _check_embeddings(
    config: ExternalConfig, source: ExternalEmbeddings, dataset: Dataset, subset: UsableSubset
) -> None:
    """Check the ids of clips and of texts, and that no text of a query is missing."""
    name = str(config.dataset)
    clips = {clip.id for split in SPLITS for clip in dataset.clips(split)}
    fit.check_ids("clip", source.videos.ids, clips, name)
    if source.texts is None:
        return
    text_ids = {split: list_text_ids(dataset, subset, split) for split in SPLITS}
    narrations = collect_narrations(subset, text_ids)
    all_texts = {text for split in SPLITS for text in text_ids[split]} | narrations.keys()
    fit.check_ids("text", source.texts.ids, all_texts, name)
    if {"t2v", "v2t"} & set(config.tasks):
        required = [text for text in text_ids[TEST_SPLIT] if text in narrations]
        fit.check_complete("text", required, source.texts, allow_missing=config.allow_missing)


def _explain_skip(
    config: ExternalConfig, source: ExternalEmbeddings, dataset: Dataset, task: Task
) -> str | None:
    if task in RETRIEVAL_TASKS:
        has_side = source.texts is not None or task not in ("t2v", "v2t")
        return None if has_side else "no embeddings of texts were given"
    return fit.explain_unlabeled(dataset, task, source.videos, allow_missing=config.allow_missing)


def describe_source(config: ExternalConfig, source: ExternalEmbeddings | Answers) -> MethodRecord:
    """Return the method of the record: a name and claims."""
    texts = source.texts if isinstance(source, ExternalEmbeddings) else None
    claim: Literal["unknown", "claimed"] = "unknown" if config.evidence is None else "claimed"
    external = ExternalSource(
        kind="embeddings" if isinstance(source, ExternalEmbeddings) else "answers",
        evidence=claim if config.answerer is None else "sent",
        authors=config.authors,
        content=source.content if isinstance(source, ExternalEmbeddings) else _hash_answers(source),
        answerer=config.answerer,
    )
    has_texts = texts is not None or config.answerer is not None
    return describe_external_method(
        config.name,
        external,
        video=config.evidence or (),
        text=config.text_evidence if has_texts and config.evidence is not None else (),
    )


def _hash_answers(answers: Answers) -> str:
    return hashlib.sha256(format_answers(answers, answers).encode()).hexdigest()
