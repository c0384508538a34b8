"""Restores the configuration of a recorded run, to compute its embeddings again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from egoexobench.errors import DataError
from egoexobench.evaluation.reranking import NO_CANDIDATE
from egoexobench.evaluation.tasks import SCORER_POLICIES
from egoexobench.experiment.build import resolve_method
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.describe import describe_parts, list_hyperparameters
from egoexobench.experiment.recorded_config import (
    REDACTED,
    ConfigChanges,
    find_only_record,
    restore_config,
)
from egoexobench.figures.ranking import QueryPairScores
from egoexobench.method import apply_overrides
from egoexobench.protocols import Dataset
from egoexobench.records import store
from egoexobench.records.artifacts import PAIR_SCORES_SUFFIX, check_artifact, find_artifact
from egoexobench.records.pair_scores_file import read_pair_scores
from egoexobench.records.schema import DatasetRecord, PartRecord, QueryRank, Record
from egoexobench.spec import Spec
from egoexobench.types import JOINED_TASKS, CandidatePolicy, Similarity, Task, TrackKey

QueryKey = tuple[str, str]
"""Ids of the source and of the first positive of a query."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A record and the ranks of its queries on one track."""

    path: Path
    record: Record
    task: Task
    policy: CandidatePolicy | None
    """None for a recognition task."""
    ranks: Mapping[QueryKey, QueryRank]
    similarity: Similarity
    pair_scores: Mapping[QueryKey, QueryPairScores] = field(default_factory=dict)
    """What a scorer gave to candidates of each query; empty where embeddings rank them."""


@dataclass(frozen=True, slots=True)
class PathOverrides:
    """Specs and files that replace the redacted paths of a record."""

    dataset: str | None = None
    train_on: str | None = None
    methods: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """By field of the method."""
    subset: Path | None = None
    """The subset file of the run."""


def load_run(path: Path, task: Task, policy: CandidatePolicy | None) -> RecordedRun:
    """Read a record, or the only record below a folder.

    Raises:
        UsageError: if a folder has several records.
        DataError: for a file that is missing, not valid or changed, for a failed run, or for one
            that was not scored on the track.
    """
    file = find_only_record(path)
    record = store.read_record(file)
    if record.status != "complete":
        raise DataError(f"{file} is the record of a run that {record.status}")
    key = TrackKey(task, policy)
    rows = [rank for rank in store.iter_ranks(file) if rank.key == key]
    rows.sort(key=lambda rank: (rank.source, rank.positives[0], rank.cluster))
    ranks = {(rank.source, rank.positives[0]): rank for rank in rows}
    tracks = [score.track for score in record.scores if score.key == key]
    if not ranks or not tracks:
        scored = ", ".join(
            score.key.label
            for score in record.scores
            if (score.policy is None) == (policy is None) and score.task not in JOINED_TASKS
        )
        raise DataError(f"{file} has no ranks of {key.label}; it has: {scored or 'no such ranks'}")
    similarity: Similarity = "dot" if tracks[0].get("similarity") == "dot" else "cosine"
    return RecordedRun(
        path=file,
        record=record,
        task=task,
        policy=policy,
        ranks=ranks,
        similarity=similarity,
        pair_scores=_read_pair_scores(file, record, key, rows),
    )


def _read_pair_scores(
    file: Path, record: Record, key: TrackKey, rows: Sequence[QueryRank]
) -> dict[QueryKey, QueryPairScores]:
    """Return the scores by which a scorer ranked the candidates of each query.

    Raises:
        DataError: if a scorer ranked them and its scores are not beside the record.
    """
    if key.policy not in SCORER_POLICIES or key.task not in record.method.scorer_tasks:
        return {}
    artifact = find_artifact(record, PAIR_SCORES_SUFFIX)
    scores = read_pair_scores(check_artifact(file, artifact)).get(key) if artifact else None
    if scores is None or len(scores.values) != len(rows):
        raise DataError(
            f"{file} has no scores of the pairs of {key.label}, which a scorer ranked; choose "
            "--policy gallery, or run it again"
        )
    columns = zip(scores.candidates.tolist(), scores.values.tolist(), strict=True)
    return {
        (row.source, row.positives[0]): {
            position: value
            for position, value in zip(positions, values, strict=True)
            if position != NO_CANDIDATE
        }
        for row, (positions, values) in zip(rows, columns, strict=True)
    }


def restore_run_config(run: RecordedRun, overrides: PathOverrides) -> RunConfig:
    """Return the configuration of a recorded run.

    Raises:
        UsageError: if the record has a redacted path or used a subset file, and the overrides do
            not have it.
    """
    method = run.record.method
    methods = {(spec := Spec.parse(text)).name: spec for text in overrides.methods}
    changes = ConfigChanges(
        method=methods.get(method.name) if REDACTED in method.spec else None,
        dataset=Spec.parse(overrides.dataset) if overrides.dataset else None,
        overrides={
            name: text
            for name, text in overrides.settings.items()
            if REDACTED in method.overrides.get(name, "")
        },
        train_on=_choose_train_on(run.record, overrides),
        subset=overrides.subset,
    )
    return restore_config(run.record, changes, run.path)


def _choose_train_on(record: Record, overrides: PathOverrides) -> Spec | None:
    is_transfer = record.trained_on is not None
    return Spec.parse(overrides.train_on) if overrides.train_on and is_transfer else None


def open_recorded_dataset(run: RecordedRun, config: RunConfig, context: RunContext) -> Dataset:
    """Return the data set of a run, if the data sets and the method have not changed.

    Raises:
        UsageError: for a name or an option that does not exist any more.
        DataError: if a data set or the method has changed.
    """
    _check_method(run, config, context)
    record = run.record
    dataset = _open_unchanged(run, config.dataset, record.dataset, context, option="--dataset")
    if config.train_on and record.trained_on:
        _open_unchanged(run, config.train_on, record.trained_on, context, option="--train-on")
    return dataset


def _open_unchanged(
    run: RecordedRun, spec: Spec, recorded: DatasetRecord, context: RunContext, *, option: str
) -> Dataset:
    dataset: Dataset = context.registry.create("dataset", spec)
    dataset.prepare(context.progress)
    if dataset.fingerprint != recorded.fingerprint:
        raise DataError(
            f"{run.path} is of {recorded.spec} with fingerprint {recorded.fingerprint}, and {spec} "
            f"has {dataset.fingerprint}; give the data of the run with {option}, or run again"
        )
    return dataset


def _check_method(run: RecordedRun, config: RunConfig, context: RunContext) -> None:
    method = apply_overrides(
        context.registry.create("method", config.method, config.scale), config.overrides
    )
    resolved = resolve_method(context.registry, method, config.seed)
    recorded = run.record.method
    if resolved.hash_recipe() == recorded.fingerprint:
        return
    old = _list_fields(recorded.parts, recorded.hyperparameters)
    new = _list_fields(describe_parts(resolved), list_hyperparameters(resolved))
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    contents = {part.role: part.file_hashes for part in describe_parts(resolved)}
    changed += [
        f"the file of {part.role}"
        for part in recorded.parts
        if part.role not in changed and part.file_hashes not in ({}, contents.get(part.role))
    ]
    if changed:  # otherwise it is the record of an older version, which hashed folders as well
        raise DataError(
            f"{run.path} was made by another {recorded.spec} than the one that is installed: "
            f"{', '.join(changed)} differ; run it again"
        )


def _list_fields(parts: Sequence[PartRecord], hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    return {part.role: (part.name, part.options) for part in parts} | dict(hyperparameters)
