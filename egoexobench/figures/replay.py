"""A record with the ranks of one track, and the request that makes its embeddings again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from egoexobench.compute import Compute, Precision
from egoexobench.errors import DataError, UsageError
from egoexobench.experiment import build
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.describe import describe_parts, list_hyperparameters
from egoexobench.experiment.subset import NOT_IN_SUBSET
from egoexobench.method import apply_overrides
from egoexobench.protocols import Dataset, Progress
from egoexobench.records import store
from egoexobench.records.schema import DatasetRecord, PartRecord, QueryRank, Record
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.types import CandidatePolicy, Similarity, Task, TrackKey

_OLD_REASON = "not in the certificate"
"""`NOT_IN_SUBSET` in records of versions up to 0.1."""
CUT = ".../"
"""What a record has in place of the folders of an absolute path."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A record and the ranks of the queries of one track, by source and right answer."""

    path: Path
    record: Record
    ranks: Mapping[tuple[str, str], QueryRank]
    similarity: Similarity


@dataclass(frozen=True, slots=True)
class Given:
    """What a record does not hold whole, given again: specs with paths, and a subset file."""

    dataset: str | None = None
    train_on: str | None = None
    methods: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    ids: Path | None = None


def load(path: Path, task: Task, policy: CandidatePolicy) -> Recorded:
    """Read a record, or the only one below a folder.

    Raises:
        UsageError: if a folder holds several.
        DataError: for a file that is missing, does not fit or was changed, a failed run, or one
            that was not scored on the track.
    """
    file = _only(path) if path.is_dir() else path
    record = store.read_record(file)
    if record.status != "complete":
        raise DataError(f"{file} is the record of a run that {record.status}")
    track = TrackKey(task, policy)
    ranks = {
        (rank.source, rank.positives[0]): rank
        for rank in store.iter_ranks(file)
        if rank.key == track
    }
    tracks = [s.track for s in record.scores if s.key == track]
    if not ranks or not tracks:
        scored = ", ".join(f"{s.task} {s.policy}" for s in record.scores if s.policy)
        raise DataError(f"{file} has no ranks of {task} {policy}; it has: {scored or 'none'}")
    similarity: Similarity = "dot" if tracks[0].get("similarity") == "dot" else "cosine"
    return Recorded(file, record, ranks, similarity)


def _only(folder: Path) -> Path:
    found = store.find_records(folder)
    if not found:
        raise DataError(f"{folder} holds no record of a run; `egoexobench run` writes them")
    if len(found) > 1:
        shown = ", ".join(str(path) for path in found[-2:])
        raise UsageError(f"{folder} holds {len(found)} records; name one of them, such as {shown}")
    return found[0]


def again(run: Recorded, given: Given) -> RunConfig:
    """Return the request that a record was made by, with cut paths whole again.

    Raises:
        UsageError: if a path is cut, or a subset file was used, and it was not given.
    """
    recipe, record = run.record.method, run.record
    methods = {Spec.parse(spec).name: spec for spec in given.methods}
    method = methods.get(recipe.name, recipe.spec) if CUT in recipe.spec else recipe.spec
    settings = {
        name: given.settings.get(name, text) if CUT in text else text
        for name, text in recipe.overrides.items()
    }
    dataset = given.dataset or record.dataset.spec
    taught = (given.train_on or record.trained_on.spec) if record.trained_on else None
    _whole(run.path, {"--dataset": dataset, "--method": method, "--train-on": taught or ""})
    _whole(run.path, {f"--set {name}=": text for name, text in settings.items()})
    reasons = set(record.coverage.num_excluded) if record.coverage else set()
    if reasons & {NOT_IN_SUBSET, _OLD_REASON} and not given.ids:
        raise UsageError(
            f"{run.path} used a subset of the clips; pass the same file with --subset FILE"
        )
    return RunConfig(
        method=Spec.parse(method),
        dataset=Spec.parse(dataset),
        scale=recipe.scale,
        seed=record.seed,
        overrides=settings,
        missing_audio=record.counts.missing_audio,
        train_on=Spec.parse(taught) if taught else None,
        allow_missing=record.coverage is not None,
        subset=given.ids,
        device=_compute(record),
    )


def _whole(path: Path, asked: Mapping[str, str]) -> None:
    for option, text in asked.items():
        if CUT in text:
            raise UsageError(
                f"{path} holds {text!r}, whose path was cut so that a record can be shared; "
                f"give it whole with {option}"
            )


def _compute(record: Record) -> Compute:
    """The recorded precision, on an accelerator if the run had one and there is one here."""
    device = "cpu" if record.environment.device == "cpu" else "auto"
    precision = next(one for one in get_args(Precision) if one == record.environment.precision)
    return Compute(device, precision)


def opened(run: Recorded, asked: RunConfig, registry: Registry, progress: Progress) -> Dataset:
    """Return the data set of a request if it and the method are still those of the record.

    Raises:
        UsageError: for a name or an option that is no more.
        DataError: if the data set or the method has changed.
    """
    _unchanged(run, asked, registry)
    dataset: Dataset = registry.create("dataset", asked.dataset)
    dataset.prepare(progress)
    _same(run, "--dataset", asked.dataset, dataset, run.record.dataset)
    if asked.train_on and run.record.trained_on:
        taught: Dataset = registry.create("dataset", asked.train_on)
        taught.prepare(progress)
        _same(run, "--train-on", asked.train_on, taught, run.record.trained_on)
    return dataset


def _same(run: Recorded, option: str, spec: Spec, dataset: Dataset, was: DatasetRecord) -> None:
    if dataset.fingerprint != was.fingerprint:
        raise DataError(
            f"{run.path} is of {was.spec} with fingerprint {was.fingerprint}, and {spec} has "
            f"{dataset.fingerprint}; give the data of the run with {option}, or run again"
        )


def _unchanged(run: Recorded, asked: RunConfig, registry: Registry) -> None:
    method = apply_overrides(registry.create("method", asked.method, asked.scale), asked.overrides)
    resolved = build.resolve_method(registry, method, asked.seed)
    if resolved.hash_recipe() == run.record.method.fingerprint:
        return
    was, now = (
        _told(run.record.method.parts, run.record.method.hyperparameters),
        _told(describe_parts(resolved), list_hyperparameters(resolved)),
    )
    differ = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    if differ:  # otherwise only the folders of its files are others
        raise DataError(
            f"{run.path} was made by another {run.record.method.spec} than the one that is "
            f"installed: {', '.join(differ)} differ; run it again"
        )


def _told(parts: Sequence[PartRecord], hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    return {part.role: (part.name, part.options) for part in parts} | dict(hyperparameters)
