"""Writes and reads the files beside a record from which it can be verified."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from egoexobench.errors import DataError
from egoexobench.evaluation.recognition import ClassScores
from egoexobench.features.embeddings_file import write_embeddings
from egoexobench.files import write_text_atomic
from egoexobench.records.artifacts import (
    CLASS_SCORES_SUFFIX,
    EMBEDDINGS_SUFFIX,
    QUERIES_SUFFIX,
    hash_artifact,
)
from egoexobench.records.queries_file import ScoredQueries, format_queries
from egoexobench.records.schema import Artifact, QueryRank, Record
from egoexobench.records.store import locate_record, write_record
from egoexobench.types import Embeddings, Task

VIDEOS, TEXTS = "videos", "texts"
"""Names of the tensors of the scored split, as `embed` names them; ``videos.train`` and
``videos.val`` are those that the linear layer of recognition was fitted to."""
CLASSES_KEY = "_classes"
"""End of the header entry with the classes of a tensor of class scores, a JSON list."""


@dataclass(frozen=True, slots=True)
class BundleFiles:
    """What lies beside a record and its ranks."""

    queries: ScoredQueries
    class_scores: Mapping[Task, ClassScores]
    embeddings: Mapping[str, Embeddings] | None
    """By the name of their tensor; None if they must not be stored."""


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


def _describe_artifact(path: Path) -> Artifact:
    return Artifact(file=path.name, sha256=hash_artifact(path))
