"""Ranks from scores of pairs: of all candidates of a list, or of the first ones of a gallery.

Comparing a query with every candidate of a large gallery by more than a vector costs too much. So
embeddings select the first ``RERANK_SIZE`` candidates (the first stage), and a scorer puts these
into another order. All others keep the order of the first stage, behind them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from egoexobench.evaluation.answers import list_candidates
from egoexobench.evaluation.query_ranking import BLOCK_SIZE, group_by_gallery
from egoexobench.evaluation.ranks import Ranks
from egoexobench.evaluation.vector_norms import TIE_ULPS, check_vectors, normalize_vectors
from egoexobench.types import Embeddings, Query, Similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray

RERANK_SIZE = 100
"""Candidates of a gallery that a scorer compares with the query."""
NO_CANDIDATE = -1


@dataclass(frozen=True, slots=True)
class PairScores:
    """Scores of some candidates of each query, the queries in the order in which they are ranked.

    Attributes:
        candidates: their positions in the gallery of the query, int32 ``(N, K)``; -1 where a query
            has fewer than K.
        values: the scores, float32 ``(N, K)``; 0 where there is no candidate.
    """

    candidates: Tensor
    values: Tensor


def select_candidates(
    queries: Sequence[Query],
    query_embeddings: Embeddings,
    candidate_embeddings: Embeddings,
    *,
    similarity: Similarity,
    size: int = RERANK_SIZE,
) -> Tensor:
    """Return the positions of the first candidates of each query, int32 ``(N, K)``.

    They stand in the order in which a question lists candidates, which says nothing about their
    rank; K is ``size``, or less for small galleries. The order of the gallery does not matter.
    """
    lengths = [min(size, len(query.gallery.ids)) for query in queries]
    result = torch.full((len(queries), max(lengths, default=0)), NO_CANDIDATE, dtype=torch.int32)
    for gallery, indices in group_by_gallery(queries).items():
        listed = list_candidates(gallery)
        positions = torch.tensor([gallery.index[name] for name in listed], dtype=torch.int32)
        count = min(size, len(listed))
        if count == len(listed):
            result[indices, :count] = positions
            continue
        for block, scores, _ in _iter_embedding_scores(
            [queries[index] for index in indices],
            listed,
            (query_embeddings, candidate_embeddings),
            similarity,
        ):
            first = scores.topk(count, dim=1).indices.sort(dim=1).values
            result[indices[block], :count] = positions[first]
    return result


def rank_pair_scores(
    queries: Sequence[Query], scores: PairScores, first_stage: Ranks | None = None
) -> Ranks:
    """Rank the best positive of each query among its scored candidates.

    A positive that is not among them keeps its rank of the first stage, behind all of them. Scores
    tie as those of embeddings do, within 8 units of rounding of the largest score of the query. The
    same scores give the same ranks on every machine.

    Args:
        queries: in the order of the scores.
        scores: of some candidates of each query.
        first_stage: ranks by embeddings; None if every candidate has a score.

    >>> from egoexobench.types import Gallery
    >>> query = Query("a", Gallery(("b", "c", "d")), (1,), "take 1")
    >>> scores = PairScores(torch.tensor([[0, 1]]), torch.tensor([[0.1, 0.7]]))
    >>> rank_pair_scores([query], scores).optimistic
    tensor([1])
    """
    candidates, values = scores.candidates.numpy(), scores.values.numpy()
    rows = []
    for index, query in enumerate(queries):
        is_scored = candidates[index] != NO_CANDIDATE
        is_right = np.isin(candidates[index], query.positives) & is_scored
        if is_right.any():
            row = _rank_row(values[index][is_scored], is_right[is_scored])
        else:
            assert first_stage is not None  # noqa: S101 - a positive without a score has a rank
            row = _rank_behind(first_stage, index, int(is_scored.sum()))
        rows.append((row[0], row[1], len(query.gallery.ids), len(query.positives), row[2]))
    return Ranks(*torch.tensor(rows, dtype=torch.int64).reshape(-1, 5).T)


def find_wrong_selections(
    queries: Sequence[Query],
    candidates: Tensor,
    sides: tuple[Embeddings, Embeddings],
    *,
    similarity: Similarity,
    size: int = RERANK_SIZE,
) -> list[int]:
    """Return the indices of queries whose candidates are not the first of their gallery.

    Candidates whose scores differ by less than rounding may change places: the last digits depend
    on the processor.

    Args:
        queries: in the order of the candidates.
        candidates: positions ``(N, K)``, as `select_candidates` returns them.
        sides: embeddings of the sources and of the candidates.
        similarity: of the first stage.
        size: how many are selected.
    """
    wrong: list[int] = []
    for gallery, indices in group_by_gallery(queries).items():
        count, total = min(size, len(gallery.ids)), len(gallery.ids)
        proper = [index for index in indices if _is_selection(candidates[index], count, total)]
        wrong += set(indices) - set(proper)
        if count == total or not proper:
            continue
        group = [queries[index] for index in proper]
        for block, scores, norms in _iter_embedding_scores(group, gallery.ids, sides, similarity):
            rows = candidates[torch.tensor(proper[block])][:, :count].long()
            lowest = scores.gather(1, rows).amin(1)
            highest = scores.scatter(1, rows, -torch.inf).amax(1)
            margins = 2 * TIE_ULPS * torch.finfo(scores.dtype).eps * norms
            is_wrong = (lowest + margins < highest).nonzero()[:, 0].tolist()
            wrong += [proper[block][index] for index in is_wrong]
    return sorted(wrong)


def _is_selection(row: Tensor, count: int, total: int) -> bool:
    """Whether a row names so many candidates of a gallery, each once, and nothing after them."""
    named = row[:count].tolist()
    is_filled = bool((row[count:] == NO_CANDIDATE).all())
    return is_filled and len(set(named)) == count and 0 <= min(named) <= max(named) < total


def _iter_embedding_scores(
    queries: Sequence[Query],
    names: Sequence[str],
    sides: tuple[Embeddings, Embeddings],
    similarity: Similarity,
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yield blocks of queries, scores with the named candidates ``(rows, K)``, and their scale.

    The scale ``(rows,)`` is the norm of a query times that of the longest candidate.
    """
    sources, targets = sides
    rows = torch.tensor([targets.index[name] for name in names])
    vectors = normalize_vectors(check_vectors(targets.vectors[rows], "candidate"), similarity)
    longest = vectors.norm(dim=1).max()
    step = max(16, BLOCK_SIZE // len(names))
    for start in range(0, len(queries), step):
        block = slice(start, start + step)
        source_rows = torch.tensor([sources.index[query.source] for query in queries[block]])
        batch = normalize_vectors(check_vectors(sources.vectors[source_rows], "query"), similarity)
        yield block, batch @ vectors.T, batch.norm(dim=1) * longest


def _rank_row(values: NDArray[np.float32], is_right: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Return the optimistic and the pessimistic rank and the number of tied positives."""
    best = values[is_right].max()
    margin = np.float32(TIE_ULPS * np.finfo(np.float32).eps) * np.abs(values).max()
    num_better = int((values > best + margin).sum())
    is_reached = values >= best - margin
    num_tied = int(is_reached[is_right].sum())
    return num_better + 1, int(is_reached.sum()) - num_tied + 1, num_tied


def _rank_behind(first_stage: Ranks, index: int, num_scored: int) -> tuple[int, int, int]:
    """Return the ranks of a positive that was not selected: at best the first one behind."""
    return (
        max(int(first_stage.optimistic[index]), num_scored + 1),
        max(int(first_stage.pessimistic[index]), num_scored + 1),
        int(first_stage.num_tied_positives[index]),
    )
