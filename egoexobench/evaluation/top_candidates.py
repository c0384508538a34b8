"""The first candidates of each query, for whoever wants to see what a method takes for right.

No score depends on them. Candidates are compared in tiles, once more than for the ranks: the code
that ranks stays as it is, and a run that stores none pays nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from egoexobench.device import DeviceConfig, autocast
from egoexobench.evaluation.answers import (
    Answer,
    list_candidates,
    make_query_ids,
    score_candidates,
)
from egoexobench.evaluation.arrays import to_tensor
from egoexobench.evaluation.query_ranking import CandidateList, iter_query_batches
from egoexobench.evaluation.reranking import NO_CANDIDATE, PairScores
from egoexobench.evaluation.vector_norms import normalize_vectors

if TYPE_CHECKING:
    from egoexobench.types import (
        CandidatePolicy,
        Embeddings,
        Gallery,
        Query,
        Similarity,
        Task,
    )

TILE_ROWS = 2048
"""Queries that are compared at once with as many candidates as `TILE_SIZE` allows."""
TILE_SIZE = 2**22
"""Scores, or numbers of listed candidates, in memory at once."""


@torch.no_grad()
def find_top_candidates(
    queries: Sequence[Query],
    query_embeddings: Embeddings,
    candidate_embeddings: Embeddings,
    size: int,
    *,
    similarity: Similarity = "cosine",
    device: torch.device | None = None,
) -> list[CandidateList]:
    """Return the first ``size`` candidates of each query by embeddings; fewer of a small gallery.

    Equal scores stand in the order in which a question lists candidates, which says nothing about
    which one is right.

    Args:
        queries: all of them have finite embeddings, and so have their candidates.
        query_embeddings: embeddings of the sources.
        candidate_embeddings: embeddings of the candidates.
        size: how many, at least 1.
        similarity: what candidates are ranked by.
        device: where galleries that queries share are compared; None is that of the embeddings.

    >>> import numpy as np
    >>> from egoexobench.types import Embeddings, Gallery, Query
    >>> sides = Embeddings(("a", "b", "c"), np.array([[1.0, 0], [0, 2], [1, 1]]))
    >>> query = Query("a", Gallery(("b", "c")), positives=(0,), cluster="take 1")
    >>> [(name, score)] = find_top_candidates([query], sides, sides, 1)[0]
    >>> name, round(score, 3)
    ('c', 0.707)
    """
    sources, targets = (
        vectors if vectors.dtype == torch.float64 else vectors.float()
        for vectors in map(to_tensor, (query_embeddings.vectors, candidate_embeddings.vectors))
    )
    listed: dict[Gallery, list[str]] = {}
    result: list[CandidateList] = [()] * len(queries)
    for indices, is_shared in iter_query_batches(queries):
        batch = [queries[index] for index in indices]
        galleries = [query.gallery for query in (batch[:1] if is_shared else batch)]
        listed |= {gallery: list_candidates(gallery) for gallery in {*galleries} - listed.keys()}
        names = [listed[gallery] for gallery in galleries]
        rows = torch.tensor([[candidate_embeddings.index[name] for name in row] for row in names])
        vectors = sources[[query_embeddings.index[query.source] for query in batch]]
        if is_shared:
            scores, columns = _compare_shared(
                vectors, targets, rows[0], size=size, similarity=similarity, device=device
            )
        else:
            scores, columns = _compare_listed(
                vectors, targets, rows, size=size, similarity=similarity
            )
        for index, query, *items in zip(
            indices, batch, scores.tolist(), columns.tolist(), strict=True
        ):
            result[index] = _name_candidates(listed[query.gallery], *items)
    return result


def list_top_pairs(queries: Sequence[Query], scores: PairScores, size: int) -> list[CandidateList]:
    """Return the first candidates of each query by the scores of pairs.

    Args:
        queries: in the order of the scores.
        scores: of some candidates of each query, which stand before all others.
        size: how many, at least 1.

    >>> from egoexobench.types import Gallery, Query
    >>> query = Query("a", Gallery(("b", "c", "d")), (1,), "take 1")
    >>> scores = PairScores(torch.tensor([[0, 1]]), torch.tensor([[0.25, 0.5]]))
    >>> list_top_pairs([query], scores, 1)
    [(('c', 0.5),)]
    """
    result = []
    for query, row, values in zip(
        queries, scores.candidates.tolist(), scores.values.tolist(), strict=True
    ):
        ids = query.gallery.ids
        scored = [
            (ids[position], value)
            for position, value in zip(row, values, strict=True)
            if position != NO_CANDIDATE
        ]
        result.append(_sort_candidates(scored)[:size])
    return result


def list_top_answers(
    task: Task,
    policy: CandidatePolicy,
    queries: Sequence[Query],
    answers: Mapping[str, Answer],
    *,
    size: int,
) -> list[CandidateList]:
    """Return the first candidates that each answer names, with the scores that rank them.

    The scores of an order are its places from the end, that of a choice is 1.

    Args:
        task: a retrieval task.
        policy: candidate policy of the queries.
        queries: all of them have an answer.
        answers: by id of the query.
        size: how many, at least 1.

    >>> from egoexobench.types import Gallery, Query
    >>> query = Query("a", Gallery(("b", "c")), (0,), "take 1")
    >>> (name,) = make_query_ids("eg2ex", "mcq20", [query])
    >>> list_top_answers("eg2ex", "mcq20", [query], {name: Answer(order=["c", "b"])}, size=5)
    [(('c', 2.0), ('b', 1.0))]
    """
    listed: dict[Gallery, list[str]] = {}
    result = []
    for name, query in zip(make_query_ids(task, policy, queries), queries, strict=True):
        if query.gallery not in listed:
            listed[query.gallery] = list_candidates(query.gallery)
        names = listed[query.gallery]
        positions = {item: index for index, item in enumerate(names)}
        values = score_candidates(name, answers[name], positions).tolist()
        scored = [
            (item, value)
            for item, value in zip(names, values, strict=True)
            if value or answers[name].scores is not None
        ]
        result.append(_sort_candidates(scored)[:size])
    return result


def _name_candidates(
    names: Sequence[str], scores: Iterable[float], columns: Iterable[int]
) -> CandidateList:
    ordered = sorted(zip(columns, scores, strict=True))
    return _sort_candidates([(names[column], score) for column, score in ordered])


def _sort_candidates(candidates: Sequence[tuple[str, float]]) -> CandidateList:
    """The best first; equal scores keep their order."""
    return tuple(sorted(candidates, key=lambda candidate: -candidate[1]))


def _compare_shared(
    queries: Tensor,
    candidates: Tensor,
    rows: Tensor,
    *,
    size: int,
    similarity: Similarity,
    device: torch.device | None,
) -> tuple[Tensor, Tensor]:
    """Return scores and columns ``(N, size)`` of the best of ``rows`` ``(K,)``."""
    device = device or queries.device
    size = min(size, len(rows))
    queries = normalize_vectors(queries.to(device), similarity)
    best = queries.new_full((len(queries), size), -torch.inf)
    columns = torch.zeros(best.shape, dtype=torch.int64, device=device)
    with autocast(DeviceConfig(str(device))):  # single precision, exact also on a GPU
        for start in range(0, len(rows), TILE_SIZE // TILE_ROWS):
            indices = rows[start : start + TILE_SIZE // TILE_ROWS]
            part = normalize_vectors(candidates[indices].to(device), similarity)
            for row in range(0, len(queries), TILE_ROWS):
                block = slice(row, row + TILE_ROWS)
                tile = (queries[block] @ part.T).topk(min(size, len(part)), dim=1)
                joined = torch.cat([best[block], tile.values], 1)
                joined_columns = torch.cat([columns[block], tile.indices + start], 1)
                best[block], order = joined.topk(size, dim=1)
                columns[block] = joined_columns.gather(1, order)
    return best.cpu(), columns.cpu()


def _compare_listed(
    queries: Tensor, candidates: Tensor, rows: Tensor, *, size: int, similarity: Similarity
) -> tuple[Tensor, Tensor]:
    """Return scores and columns ``(N, size)`` of the best of ``rows`` ``(N, K)``."""
    queries, candidates = (normalize_vectors(item, similarity) for item in (queries, candidates))
    step = max(1, TILE_SIZE // max(1, rows.shape[1] * queries.shape[1]))
    best = []
    for start in range(0, len(queries), step):
        block = slice(start, start + step)
        scores = (candidates[rows[block]] @ queries[block][:, :, None])[:, :, 0]
        best.append(scores.topk(min(size, scores.shape[1]), dim=1))
    values, columns = (torch.cat(column) for column in zip(*best, strict=True))
    return values.cpu(), columns.cpu()
