"""Compares the top candidates of a record with its ranks, and with what gave the ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch

from egoexobench.evaluation.answers import Answer
from egoexobench.evaluation.query_ranking import CandidateList
from egoexobench.evaluation.top_candidates import (
    find_top_candidates,
    list_top_answers,
    list_top_pairs,
)
from egoexobench.evaluation.vector_norms import normalize_vectors
from egoexobench.records.schema import QueryRank, ScoreRecord
from egoexobench.records.top_file import TopCandidates, round_score
from egoexobench.types import RETRIEVAL_TASKS, Embeddings, Query, Similarity
from egoexobench.verification.bundle_content import BundleContent

TOLERANCE = 1e-5
"""Of a score with six digits from a matrix product, times the norms of both vectors."""


def iter_top_differences(
    content: BundleContent,
    score: ScoreRecord,
    rows: Sequence[QueryRank],
    queries: Sequence[Query],
    *,
    sides: tuple[Embeddings, Embeddings] | None,
    similarity: Similarity,
) -> Iterator[str]:
    """Yield one line if the top candidates of a score are not what its files give.

    Args:
        content: the record and its files.
        score: of a retrieval task; nothing is compared if the record has no top candidates.
        rows: its ranks.
        queries: the ranked queries in the same order; empty if they are not known.
        sides: embeddings of the sources and of the candidates; None if they are not stored.
        similarity: what candidates are ranked by, if no scorer ranks them.
    """
    if not content.top or score.task not in RETRIEVAL_TASKS:
        return
    location, top = f"scores.{score.key.label}", content.top.get(score.key, [])
    faults = list(_iter_rank_contradictions(location, rows, top))
    yield from faults
    if faults or len(queries) != len(rows):
        return
    # where no query has a valid answer, every list is empty
    size = max(len(line.candidates) for lines in content.top.values() for line in lines) or 1
    pair_scores = content.pair_scores.get(score.key)
    if content.answers is not None:
        expected = _list_answered(score, queries, content.answers, size)
        yield from _iter_list_differences(location, top, expected, "answers")
    elif pair_scores is not None and len(pair_scores.candidates) == len(queries):
        expected = list_top_pairs(queries, pair_scores, size)
        yield from _iter_list_differences(location, top, expected, "pair scores")
    elif pair_scores is None and sides is not None:
        yield from _iter_embedding_differences(
            location, top, queries, sides, size=size, similarity=similarity
        )


def _list_answered(
    score: ScoreRecord, queries: Sequence[Query], answers: Mapping[str, Answer], size: int
) -> list[CandidateList]:
    task = next(task for task in RETRIEVAL_TASKS if task == score.task)
    assert score.policy is not None  # noqa: S101 - the caller checked it
    return list_top_answers(task, score.policy, queries, answers, size=size)


def _iter_rank_contradictions(
    location: str, rows: Sequence[QueryRank], top: Sequence[TopCandidates]
) -> Iterator[str]:
    """Yield one line if lists are of other queries, or a right answer has another rank."""
    if len(top) != len(rows):
        yield f"{location}: {len(top)} queries have top candidates, {len(rows)} ranks"
        return
    for row, line in zip(rows, top, strict=True):
        if (line.source, line.positives) != (row.source, row.positives):
            yield f"{location}: top candidates of {line.source!r} at the rank of {row.source!r}"
            return
        if fault := _find_fault(row, line):
            yield f"{location}: top candidates of {line.source!r}: {fault}"
            return


def _find_fault(row: QueryRank, line: TopCandidates) -> str:
    names = [name for name, _ in line.candidates]
    scores = [score for _, score in line.candidates]
    if len(set(names)) < len(names):
        return "one stands twice"
    if len(names) > row.num_candidates:
        return f"{len(names)}, where the query has {row.num_candidates}"
    if scores != sorted(scores, reverse=True):
        return "the best is not first"
    right = next((rank for rank, name in enumerate(names, 1) if name in row.positives), None)
    ranks = f"{row.optimistic} to {row.pessimistic}"
    if right is None:
        is_possible = row.pessimistic > len(names)
        return "" if is_possible else f"none is right, where the ranks are {ranks}"
    is_possible = row.optimistic <= right <= row.pessimistic
    return "" if is_possible else f"a right one has rank {right}, where the ranks are {ranks}"


def _iter_list_differences(
    location: str, top: Sequence[TopCandidates], expected: Sequence[CandidateList], source: str
) -> Iterator[str]:
    """Yield one line if lists are not exactly those that were recomputed."""
    for line, candidates in zip(top, expected, strict=True):
        if line.candidates != tuple((name, round_score(score)) for name, score in candidates):
            yield f"{location}: top candidates of {line.source!r} are not those of the {source}"
            return


def _iter_embedding_differences(
    location: str,
    top: Sequence[TopCandidates],
    queries: Sequence[Query],
    sides: tuple[Embeddings, Embeddings],
    *,
    size: int,
    similarity: Similarity,
) -> Iterator[str]:
    """Yield one line if lists are not those of the embeddings, up to rounding.

    Candidates of nearly equal scores may change places, because the last digits depend on the
    processor: so the scores at each place are compared, and each score with its own candidate.
    """
    expected = find_top_candidates(queries, *sides, size, similarity=similarity)
    for line, query, candidates in zip(top, queries, expected, strict=True):
        names = [name for name, _ in line.candidates]
        if len(names) != len(candidates) or not query.gallery.index.keys() >= set(names):
            yield f"{location}: top candidates of {line.source!r} are not {size} of its gallery"
            return
        scores = torch.tensor([score for _, score in line.candidates], dtype=torch.float64)
        at_place = torch.tensor([score for _, score in candidates], dtype=torch.float64)
        of_name, scale = _score_names(query, names, sides, similarity)
        distance = torch.maximum((scores - at_place).abs(), (scores - of_name).abs()).max()
        if float(distance) > TOLERANCE * scale:
            yield f"{location}: top candidates of {line.source!r} are not those of the embeddings"
            return


def _score_names(
    query: Query, names: Sequence[str], sides: tuple[Embeddings, Embeddings], similarity: Similarity
) -> tuple[torch.Tensor, float]:
    """Return the scores of some candidates in 64 bits, and the product of the largest norms."""
    sources, targets = sides
    source = sources.vectors[[sources.index[query.source]]].double()
    vectors = targets.vectors[[targets.index[name] for name in names]].double()
    source, vectors = (normalize_vectors(item, similarity) for item in (source, vectors))
    scale = float(source.norm() * vectors.norm(dim=1).max())
    return vectors @ source[0], scale
