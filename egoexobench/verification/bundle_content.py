"""Reads a record and every file beside it, as far as they can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from egoexobench.evaluation.answers import Answer
from egoexobench.evaluation.labeled_frames import LabeledFrames
from egoexobench.evaluation.reranking import PairScores
from egoexobench.features.embeddings_file import read_header
from egoexobench.records.answers_file import parse_answers
from egoexobench.records.artifacts import (
    ANSWERS_SUFFIX,
    CLASS_SCORES_SUFFIX,
    EMBEDDINGS_SUFFIX,
    FRAMES_SUFFIX,
    PAIR_SCORES_SUFFIX,
    QUERIES_SUFFIX,
    RELEVANCE_SUFFIX,
    check_artifact,
    find_artifact,
)
from egoexobench.records.bundle import (
    StoredClassScores,
    read_class_scores,
    read_stored_embeddings,
)
from egoexobench.records.frames_file import read_frames_file
from egoexobench.records.pair_scores_file import read_pair_scores
from egoexobench.records.queries_file import ScoredQueries, parse_queries
from egoexobench.records.relevance_file import read_relevance_file
from egoexobench.records.schema import QueryRank, Record
from egoexobench.records.store import iter_ranks, read_text, read_unchecked_record
from egoexobench.records.top_file import TopCandidates, iter_top_candidates
from egoexobench.types import Embeddings, Relevance, Task, TrackKey


@dataclass(frozen=True, slots=True)
class BundleContent:
    """A record and what lies beside it; None for a file that it does not name."""

    record: Record
    ranks: Sequence[QueryRank]
    queries: ScoredQueries | None
    class_scores: dict[Task, StoredClassScores]
    embeddings: dict[str, Embeddings] | None
    embeddings_header: dict[str, str]
    """What the file of embeddings says beside its tensors; empty if there is none."""
    answers: dict[str, Answer] | None
    """By id of the query."""
    pair_scores: dict[TrackKey, PairScores]
    """What a scorer gave, by track; empty if there is no such file."""
    top: dict[TrackKey, list[TopCandidates]]
    """The first candidates of each query, by track; empty if there is no such file."""
    relevance: Relevance | None
    """Of clips and texts; None if there is no such file."""
    frames: LabeledFrames | None = None
    """What tracks of frames were scored on."""


def read_bundle(path: Path) -> BundleContent:
    """Read a record and the files that it names; each must have the hash that it states.

    Raises:
        DataError: with the file and the reason.
    """
    record = read_unchecked_record(path)
    ranks = list(iter_ranks(path))
    file = _find_file(path, record, QUERIES_SUFFIX)
    queries = parse_queries(str(file), read_text(file)) if file else None
    file = _find_file(path, record, CLASS_SCORES_SUFFIX)
    class_scores = read_class_scores(file) if file else {}
    file = _find_file(path, record, EMBEDDINGS_SUFFIX)
    embeddings = read_stored_embeddings(file) if file else None
    header = read_header(file) if file else {}
    compared = _find_file(path, record, PAIR_SCORES_SUFFIX)
    answered = _find_file(path, record, ANSWERS_SUFFIX)
    graded = _find_file(path, record, RELEVANCE_SUFFIX)
    labeled = _find_file(path, record, FRAMES_SUFFIX)
    top: dict[TrackKey, list[TopCandidates]] = {}
    for line in iter_top_candidates(path, record):
        top.setdefault(line.key, []).append(line)
    return BundleContent(
        record=record,
        ranks=ranks,
        queries=queries,
        class_scores=class_scores,
        embeddings=embeddings,
        embeddings_header=header,
        answers=parse_answers(str(answered), read_text(answered)) if answered else None,
        pair_scores=read_pair_scores(compared) if compared else {},
        top=top,
        relevance=read_relevance_file(graded) if graded else None,
        frames=read_frames_file(labeled) if labeled else None,
    )


def _find_file(path: Path, record: Record, suffix: str) -> Path | None:
    artifact = find_artifact(record, suffix)
    return check_artifact(path, artifact) if artifact else None
