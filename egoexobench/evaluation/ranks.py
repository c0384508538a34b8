"""Ranks of the positives, counted from scores; nothing is sorted."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.evaluation.arrays import Indices, Vectors, to_index_lists, to_tensor
from egoexobench.evaluation.rank_tiles import rank_in_tiles
from egoexobench.evaluation.vector_norms import (
    TIE_ULPS,
    check_dot_range,
    check_vectors,
    measure_norms,
    normalize_vectors,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from egoexobench.types import Similarity

LISTED_CHUNK_SIZE = 2**22
"""Numbers in memory at once where each query has candidates of its own."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks of the best positive of each query, int64 ``(N,)``; 1 is first.

    Attributes:
        optimistic: rank if the positive comes before every negative that ties with it.
        pessimistic: rank if the positive comes after every negative that ties with it.
        num_candidates: candidates of the query, positives included.
        num_positives: positives among them.
        num_tied_positives: positives that tie with the best positive, itself included.
    """

    optimistic: Tensor
    pessimistic: Tensor
    num_candidates: Tensor
    num_positives: Tensor
    num_tied_positives: Tensor

    def select(self, indices: Tensor) -> Ranks:
        """Return the ranks of some queries."""
        return Ranks(*self.stack()[:, indices])

    def stack(self) -> Tensor:
        """Return the attributes in their order, ``(5, N)``."""
        return torch.stack([getattr(self, item.name) for item in fields(self)])


@torch.no_grad()
def compute_ranks(
    queries: Vectors,
    candidates: Vectors,
    positives: Indices,
    *,
    choices: Vectors | None = None,
    similarity: Similarity = "cosine",
    chunk_size: int | None = None,
    device: torch.device | None = None,
) -> Ranks:
    """Rank the best positive of each query among all candidates, or among listed choices.

    Other positives of the query do not push the best one down.

    A matrix product does not give equal vectors equal scores: the last bits depend on the column
    of a vector (up to 5.5 units of rounding were measured for D = 4,096). Therefore two scores tie
    if they differ by less than 8 units of rounding, times the norms of query and positive.

    Args:
        queries: embeddings ``(N, D)``, a tensor or an array.
        candidates: embeddings ``(C, D)``, a tensor or an array.
        positives: index of each query's positive ``(N,)``, or for each query the indices of all
            its positives. They count rows of ``candidates``, or columns of ``choices``.
        choices: rows of ``candidates`` that each query chooses from, ``(N, K)`` int, or that all
            of them choose from, ``(K,)``; None is all.
        similarity: ``cosine`` (a zero vector scores 0 with everything) or the raw ``dot`` product.
        chunk_size: numbers in memory at once, about, besides the arguments and the result; None is
            4 million on the CPU and 268 million, 1 GB, on a GPU.
        device: where queries are compared with candidates that they share; candidates are copied
            to it as they are needed. None is that of the queries, where the result is as well.

    Raises:
        DataError: if an embedding is not finite, a dot product can overflow or underflow, a query
            has no positive, or an index is out of range.

    >>> queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> candidates = torch.tensor([[1.0, 0.1], [0.9, 0.9], [0.1, 1.0]])
    >>> compute_ranks(queries, candidates, [1, 2]).optimistic
    tensor([2, 1])
    >>> compute_ranks(queries, candidates, [(1, 0), (0, 1)]).optimistic
    tensor([1, 2])
    """
    queries = check_vectors(to_tensor(queries), "query")
    listed = None if choices is None else to_tensor(choices)
    shared = listed if listed is not None and listed.ndim == 1 else None
    candidates = check_vectors(to_tensor(candidates), "candidate", shared)
    size = len(candidates) if listed is None else listed.shape[-1]
    lists = to_index_lists(positives)
    if not all(row and 0 <= min(row) <= max(row) < size for row in lists):
        raise DataError(f"positive out of range: there are {size} candidates, 0 to {size - 1}")
    if listed is None or shared is not None:
        return Ranks(
            *rank_in_tiles(
                queries,
                candidates,
                lists,
                rows=shared,
                similarity=similarity,
                chunk_size=chunk_size,
                device=device,
            )
        )
    if similarity == "dot":
        check_dot_range(queries, candidates)
    queries = normalize_vectors(queries, similarity)
    candidates = normalize_vectors(candidates, similarity)
    norms = [measure_norms(vectors).to(queries.dtype) for vectors in (queries, candidates)]
    rows = max(1, (chunk_size or LISTED_CHUNK_SIZE) // max(1, listed.shape[1] * queries.shape[1]))
    blocks = []
    for start in range(0, len(queries), rows):
        block = slice(start, start + rows)
        scores = (candidates[listed[block]] @ queries[block][:, :, None])[:, :, 0]

        def measure_products(columns: Tensor, block: slice = block) -> Tensor:
            selected = listed[block].gather(1, columns[:, None])[:, 0]
            return norms[0][block] * norms[1][selected]

        blocks.append(rank_scores(scores, lists[block], measure_products).stack())
    return Ranks(
        *torch.cat([torch.empty(5, 0, dtype=torch.int64, device=queries.device), *blocks], 1)
    )


def rank_scores(
    scores: Tensor, positives: Sequence[Sequence[int]], measure_norms: Callable[[Tensor], Tensor]
) -> Ranks:
    """Rank the best positive of each row of scores; for the rule see :func:`compute_ranks`.

    Args:
        scores: ``(N, K)``, float; NaN is not checked.
        positives: columns of the positives of each row, at least one.
        measure_norms: returns, for a column of each row ``(N,)``, the size of the numbers whose
            sum the score is ``(N,)``; scores tie within 8 units of rounding of it.

    >>> rank_scores(torch.tensor([[3.0, 1.0, 2.0]]), [(1, 2)], lambda _: torch.ones(1)).optimistic
    tensor([2])
    """
    columns = torch.tensor([row[0] for row in positives], device=scores.device)
    several = {i: torch.tensor(row) for i, row in enumerate(positives) if len(row) > 1}
    for i, row in several.items():
        columns[i] = row[scores[i, row].argmax()]
    margins = measure_norms(columns) * (TIE_ULPS * torch.finfo(scores.dtype).eps)
    best, worst = compute_rank_bounds(scores, columns, margins)
    total, tied = torch.ones_like(columns), torch.ones_like(columns)
    for i, row in several.items():
        is_tied = scores[i, row] >= scores[i, columns[i]] - margins[i]
        total[i], tied[i] = len(row), int(is_tied.sum())
    return Ranks(
        optimistic=best,
        pessimistic=worst - tied + 1,
        num_candidates=torch.full_like(columns, scores.shape[1]),
        num_positives=total,
        num_tied_positives=tied,
    )


def compute_rank_bounds(
    scores: Vectors, positives: Vectors, margins: Tensor | float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return the optimistic and the pessimistic rank of one column of each row, ``(N,)`` each.

    Args:
        scores: ``(N, K)``, float; NaN is not checked.
        positives: column of each row, ``(N,)`` int.
        margins: how far apart two tied scores may be, ``(N,)`` or one number.

    >>> compute_rank_bounds(torch.tensor([[3.0, 1.0, 2.0, 2.0]]), torch.tensor([2]))
    (tensor([2]), tensor([3]))
    """
    scores = to_tensor(scores)
    own = scores.gather(1, to_tensor(positives)[:, None])[:, 0]
    # Float masks: a sum of booleans costs more than the matrix product. Exact below 2**24.
    mask = torch.empty_like(scores)
    num_better = torch.gt(scores, (own + margins)[:, None], out=mask).sum(1)
    num_at_least = torch.ge(scores, (own - margins)[:, None], out=mask).sum(1)
    return num_better.long() + 1, num_at_least.long()
