"""Ranks of the queries of a track, from the embeddings of queries and candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from egoexobench.evaluation.arrays import Floats, to_tensor
from egoexobench.evaluation.graded import GradedValues, join_graded_values
from egoexobench.evaluation.ranks import Ranks, compute_ranks, rank_scores
from egoexobench.types import (
    LISTED_POLICIES,
    CandidatePolicy,
    Embeddings,
    Gallery,
    Query,
    Similarity,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from egoexobench.evaluation.reranking import PairScores

BLOCK_SIZE = 2**20
"""Scores in memory at once that are not products of embeddings."""
CandidateList = tuple[tuple[str, float], ...]
"""Ids and scores of the first candidates of a query, the best first."""
CompareGallery = Callable[[Gallery], Callable[[Sequence[str]], Floats]]
"""Returns, for a gallery, what computes the scores ``(S, K)`` of some sources with it, float64."""


@dataclass(frozen=True, slots=True)
class RankedQueries:
    """Queries in the order in which they are scored, and the rank of the best positive of each."""

    queries: Sequence[Query]
    ranks: Ranks
    num_dropped: int = 0
    """Queries that could not be ranked."""
    num_missing_candidates: int = 0
    has_order: bool = True
    """False if only the first candidate of each query is known."""
    pair_scores: PairScores | None = None
    """What a scorer gave to candidates; None if embeddings or answers alone rank them."""
    top: Sequence[CandidateList] = ()
    """The first candidates of each query; empty if nobody wants them."""
    graded: GradedValues | None = None
    """Metrics of each query with graded relevance; None if candidates are right or wrong."""
    groups: Sequence[str] = ()
    """Group of each query: a score is the mean of the means of groups, in place of views."""


def rank_answerable(
    queries: Sequence[Query],
    query_embeddings: Embeddings,
    candidate_embeddings: Embeddings,
    policy: CandidatePolicy,
    *,
    similarity: Similarity = "cosine",
    device: torch.device | None = None,
) -> RankedQueries | None:
    """Rank the queries that have embeddings; None if no query has.

    See :func:`score_retrieval` for the rule, and `rank_queries` for the device.
    """
    answerable, num_missing = filter_answerable(
        queries, query_embeddings, candidate_embeddings, policy
    )
    if not answerable:
        return None
    answerable = sort_queries(answerable)
    return RankedQueries(
        answerable,
        rank_queries(answerable, query_embeddings, candidate_embeddings, similarity, device=device),
        num_dropped=len(queries) - len(answerable),
        num_missing_candidates=num_missing,
    )


def join_ranked_queries(parts: Sequence[RankedQueries], names: Sequence[str] = ()) -> RankedQueries:
    """Return the queries of several tasks, with disjoint candidates, as those of one track.

    Args:
        parts: the queries of each task.
        names: of the tasks, if the score is the mean of their scores and not of two views.
    """
    queries = [query for part in parts for query in part.queries]
    order = sorted(range(len(queries)), key=lambda index: _get_sort_key(queries[index]))
    columns = torch.cat([part.ranks.stack() for part in parts], dim=1)
    groups = [name for name, part in zip(names, parts, strict=False) for _ in part.queries]
    return RankedQueries(
        [queries[index] for index in order],
        Ranks(*columns[:, order]),
        num_dropped=sum(part.num_dropped for part in parts),
        num_missing_candidates=sum(part.num_missing_candidates for part in parts),
        has_order=all(part.has_order for part in parts),
        graded=_join_graded(parts, order),
        groups=[groups[index] for index in order] if names else (),
    )


def _join_graded(parts: Sequence[RankedQueries], order: Sequence[int]) -> GradedValues | None:
    graded = [part.graded for part in parts if part.graded is not None]
    return join_graded_values(graded).select(order) if len(graded) == len(parts) else None


def filter_answerable(
    queries: Sequence[Query],
    query_embeddings: Embeddings,
    candidate_embeddings: Embeddings,
    policy: CandidatePolicy,
) -> tuple[list[Query], int]:
    """Return the queries that can be scored, and how many candidates have no embedding.

    See :func:`score_retrieval` for the rule. Galleries of the result contain only candidates that
    have an embedding.
    """
    is_listed = policy in LISTED_POLICIES
    answerable: list[Query] = []
    missing: set[str] = set()
    complete: dict[Gallery, Gallery] = {}
    for query in queries:
        ids = query.gallery.ids
        if query.gallery not in complete:
            absent = {name for name in ids if name not in candidate_embeddings.index}
            complete[query.gallery] = Gallery(tuple(name for name in ids if name not in absent))
            missing |= absent
        gallery = complete[query.gallery]
        positives = tuple(
            gallery.index[name] for name in query.positive_ids if name in gallery.index
        )
        if query.source not in query_embeddings.index or not positives:
            continue
        if len(gallery.ids) == len(ids):
            answerable.append(query)
        elif not is_listed:
            answerable.append(replace(query, gallery=gallery, positives=positives))
    return answerable, 0 if is_listed else len(missing)


def sort_queries(queries: Sequence[Query]) -> list[Query]:
    """Return queries in the order in which they are scored, whatever their order was."""
    return sorted(queries, key=_get_sort_key)


def _get_sort_key(query: Query) -> tuple[str, str, str]:
    return query.source, query.gallery.ids[query.positives[0]], query.cluster


def rank_queries(
    queries: Sequence[Query],
    query_embeddings: Embeddings,
    candidate_embeddings: Embeddings,
    similarity: Similarity = "cosine",
    *,
    device: torch.device | None = None,
) -> Ranks:
    """Rank the best positive of each query, with one matrix product for each gallery.

    Queries with a gallery of their own are ranked together with others of the same length.

    Args:
        queries: all of them have embeddings, and so have their candidates.
        query_embeddings: embeddings of the sources.
        candidate_embeddings: embeddings of the candidates.
        similarity: what candidates are ranked by.
        device: where galleries that queries share are ranked; None is that of the embeddings.
    """
    sources, source_row = to_tensor(query_embeddings.vectors), query_embeddings.index
    targets, target_row = to_tensor(candidate_embeddings.vectors), candidate_embeddings.index
    result = torch.zeros(5, len(queries), dtype=torch.int64)
    for indices, is_shared in iter_query_batches(queries):
        batch = [queries[index] for index in indices]
        galleries = [query.gallery for query in (batch[:1] if is_shared else batch)]
        choices = torch.tensor([[target_row[name] for name in g.ids] for g in galleries])
        result[:, indices] = compute_ranks(
            sources[torch.tensor([source_row[query.source] for query in batch])],
            targets,
            [query.positives for query in batch],
            choices=choices[0] if is_shared else choices,
            similarity=similarity,
            device=device,
        ).stack()
    return Ranks(*result)


def rank_queries_by_scores(queries: Sequence[Query], compare: CompareGallery) -> Ranks:
    """Rank the best positive of each query by scores that are not products of embeddings.

    The scores of some sources and one gallery are in memory at once.

    >>> import numpy as np
    >>> levels = {"a": 1.0, "b": 2.0, "c": 4.0}
    >>> query = Query("a", Gallery(("b", "c")), positives=(1,), cluster="take 1")
    >>> def compare(gallery):
    ...     right = np.array([levels[name] for name in gallery.ids])
    ...     return lambda sources: np.array([right - levels[name] for name in sources])
    >>> rank_queries_by_scores([query], compare).optimistic
    tensor([1])
    """
    result = torch.zeros(5, len(queries), dtype=torch.int64)
    for gallery, indices in group_by_gallery(queries).items():
        compare_sources = compare(gallery)
        rows = max(1, BLOCK_SIZE // len(gallery.ids))
        for start in range(0, len(indices), rows):
            block = indices[start : start + rows]
            batch = [queries[index] for index in block]
            scores = torch.from_numpy(compare_sources([query.source for query in batch]))
            result[:, block] = _rank_block(scores, [query.positives for query in batch]).stack()
    return Ranks(*result)


def _rank_block(scores: Tensor, positives: Sequence[Sequence[int]]) -> Ranks:
    sizes = scores.norm(dim=1)
    return rank_scores(scores, positives, lambda _: sizes)


def group_by_gallery(queries: Sequence[Query]) -> dict[Gallery, list[int]]:
    """Return the indices of the queries of each gallery."""
    by_gallery: dict[Gallery, list[int]] = {}
    for index, query in enumerate(queries):
        by_gallery.setdefault(query.gallery, []).append(index)
    return by_gallery


def iter_query_batches(queries: Sequence[Query]) -> Iterator[tuple[list[int], bool]]:
    """Yield indices of queries that are ranked together, and whether they share one gallery."""
    by_length: dict[int, list[int]] = {}
    for gallery, indices in group_by_gallery(queries).items():
        if len(indices) > 1:
            yield indices, True
        else:
            by_length.setdefault(len(gallery.ids), []).extend(indices)
    for indices in by_length.values():
        yield indices, len(indices) == 1
