"""Writes and reads the files beside a record from which it can be verified."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.evaluation.arrays import find_nonfinite_rows
from egoexobench.evaluation.labeled_frames import LabeledFrames
from egoexobench.evaluation.recognition import ClassScores
from egoexobench.evaluation.reranking import PairScores
from egoexobench.features.embeddings_file import read_embeddings, read_header, write_embeddings
from egoexobench.files import write_text_atomic
from egoexobench.records.artifacts import (
    ANSWERS_SUFFIX,
    CLASS_SCORES_SUFFIX,
    EMBEDDINGS_SUFFIX,
    FRAMES_SUFFIX,
    PAIR_SCORES_SUFFIX,
    QUERIES_SUFFIX,
    RELEVANCE_SUFFIX,
    TOP_SUFFIX,
    hash_artifact,
)
from egoexobench.records.frames_file import write_frames_file
from egoexobench.records.pair_scores_file import write_pair_scores
from egoexobench.records.queries_file import ScoredQueries, format_queries
from egoexobench.records.relevance_file import write_relevance
from egoexobench.records.schema import Artifact, QueryRank, Record
from egoexobench.records.store import first_error, locate_record, write_record
from egoexobench.records.top_file import TopCandidates, format_top_candidates
from egoexobench.types import (
    RECOGNITION_TASKS,
    Embeddings,
    Relevance,
    Split,
    Task,
    TrackKey,
)

VIDEOS, TEXTS = "videos", "texts"
"""Names of the tensors of the scored split, as `embed` names them; ``videos.train`` and
``videos.val`` are those that the linear layer of recognition was fitted to."""
FITTED_SPLITS: tuple[Split, ...] = ("train", "val")
"""The splits whose embeddings decide the linear layer of recognition."""
CLASSES_KEY = "_classes"
"""End of the header entry with the classes of a tensor of class scores, a JSON list."""
_NAMES: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])


@dataclass(frozen=True, slots=True)
class BundleFiles:
    """What lies beside a record and its ranks."""

    queries: ScoredQueries
    class_scores: Mapping[Task, ClassScores]
    embeddings: Mapping[str, Embeddings] | None
    """By the name of their tensor; None if there are none, or they must not be stored."""
    answers: str | None = None
    """Text of the file of answers, for a system without embeddings."""
    pair_scores: Mapping[TrackKey, PairScores] = field(default_factory=dict)
    """What a scorer gave, by track; empty for a method without one."""
    top: Sequence[TopCandidates] = ()
    """The first candidates of each ranked query; empty leaves the file out."""
    relevance: Relevance | None = None
    """Of clips and texts; None if no track has graded relevance."""
    frames: LabeledFrames | None = None
    """What tracks of frames were scored on; None without such a track."""


def write_bundle(record: Record, ranks: Iterable[QueryRank], files: BundleFiles, out: Path) -> Path:
    """Write a record, its ranks and the files that verify it; the record comes last.

    Raises:
        DataError: if a record of that id exists already, or a file cannot be written.
    """
    folder = locate_record(record, out).parent
    artifacts = []
    path = folder / f"{record.id}{QUERIES_SUFFIX}"
    write_text_atomic(path, format_queries(files.queries))
    artifacts.append(_describe_artifact(path))
    if files.class_scores:
        path = folder / f"{record.id}{CLASS_SCORES_SUFFIX}"
        _write_class_scores(path, files.class_scores)
        artifacts.append(_describe_artifact(path))
    if files.embeddings is not None:
        path = folder / f"{record.id}{EMBEDDINGS_SUFFIX}"
        _write_tensors(path, files.embeddings, {"dataset": record.dataset.fingerprint})
        artifacts.append(_describe_artifact(path))
    if files.answers is not None:
        path = folder / f"{record.id}{ANSWERS_SUFFIX}"
        write_text_atomic(path, files.answers)
        artifacts.append(_describe_artifact(path))
    if files.pair_scores:
        path = folder / f"{record.id}{PAIR_SCORES_SUFFIX}"
        write_pair_scores(path, files.pair_scores)
        artifacts.append(_describe_artifact(path))
    if files.top:
        path = folder / f"{record.id}{TOP_SUFFIX}"
        write_text_atomic(path, format_top_candidates(files.top))
        artifacts.append(_describe_artifact(path))
    if files.relevance is not None:
        path = folder / f"{record.id}{RELEVANCE_SUFFIX}"
        write_relevance(path, files.relevance)
        artifacts.append(_describe_artifact(path))
    if files.frames is not None:
        path = folder / f"{record.id}{FRAMES_SUFFIX}"
        _write_frames(path, files.frames, with_vectors=files.embeddings is not None)
        artifacts.append(_describe_artifact(path))
    complete = record.model_copy(update={"artifacts": (*record.artifacts, *artifacts)})
    return write_record(complete, ranks, out)


def _write_class_scores(path: Path, class_scores: Mapping[Task, ClassScores]) -> None:
    sides: dict[str, Embeddings] = {}
    classes: dict[str, str] = {}
    for task, scores in class_scores.items():
        ids = tuple(clip.clip_id for clip in scores.clips)
        sides[task] = Embeddings(ids, scores.values)
        classes[f"{task}{CLASSES_KEY}"] = json.dumps(scores.classes)
    _write_tensors(path, sides, classes)


def _write_tensors(
    path: Path, sides: Mapping[str, Embeddings], metadata: Mapping[str, str]
) -> None:
    try:
        write_embeddings(path, sides, metadata)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def _write_frames(path: Path, frames: LabeledFrames, *, with_vectors: bool) -> None:
    try:
        write_frames_file(path, frames, with_vectors=with_vectors)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def _describe_artifact(path: Path) -> Artifact:
    return Artifact(file=path.name, sha256=hash_artifact(path))


@dataclass(frozen=True, slots=True)
class StoredClassScores:
    """Class scores as they are stored: ``values (N, C)``, by id of the clip and by class."""

    clip_ids: tuple[str, ...]
    classes: tuple[str, ...]
    values: Tensor


def read_class_scores(path: Path) -> dict[Task, StoredClassScores]:
    """Return the class scores of each recognition task.

    Raises:
        DataError: if the file is of another kind, or a number is NaN.
    """
    result: dict[Task, StoredClassScores] = {}
    metadata = read_header(path)
    sides = _read_unique(path)
    for task in RECOGNITION_TASKS:
        if (side := sides.pop(task, None)) is None:
            continue
        classes = _parse_names(path, metadata.get(f"{task}{CLASSES_KEY}", ""))
        if tuple(side.vectors.shape) != (len(side.ids), len(classes)):
            raise DataError(f"{path}: {task} has other numbers of clips and classes than ids")
        if side.vectors.dtype != torch.float64 or bool(side.vectors.isnan().any()):
            raise DataError(f"{path}: {task} has numbers that are NaN or no 64-bit numbers")
        result[task] = StoredClassScores(side.ids, classes, side.vectors)
    if sides:
        raise DataError(f"{path}: {min(sides)!r} is no recognition task")
    return result


def read_stored_embeddings(path: Path) -> dict[str, Embeddings]:
    """Return the embeddings beside a record by the name of their tensor.

    Raises:
        DataError: if the file is of another kind, an id stands twice, or a number is not finite.
    """
    sides = _read_unique(path)
    for name, side in sides.items():
        if name not in (VIDEOS, TEXTS, *(f"{VIDEOS}.{split}" for split in FITTED_SPLITS)):
            raise DataError(f"{path}: unknown tensor {name!r}")
        if side.vectors.dtype != torch.float32:
            raise DataError(f"{path}: {name} are {side.vectors.dtype}, not 32-bit numbers")
        if len(broken := find_nonfinite_rows(side.vectors)):
            owner = side.ids[int(broken[0])]
            raise DataError(f"{path}: {name} of {owner!r} contain NaN or infinity")
    return sides


def _read_unique(path: Path) -> dict[str, Embeddings]:
    sides = read_embeddings(path)
    for name, side in sides.items():
        if side.vectors.ndim != 2 or len(side.vectors) != len(side.ids):
            raise DataError(f"{path}: {name} has not one row for each id")
        if len(set(side.ids)) < len(side.ids):
            raise DataError(f"{path}: {name} has an id twice")
    return sides


def _parse_names(path: Path, text: str) -> tuple[str, ...]:
    try:
        return _NAMES.validate_json(text)
    except ValidationError as error:
        raise DataError(f"{path}: the list of classes is wrong: {first_error(error)}") from None
