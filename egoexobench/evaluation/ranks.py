"""Ranks of the positives, counted in chunks of one matrix product; nothing is sorted."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.evaluation.arrays import Indices, Vectors, to_index_lists, to_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from egoexobench.types import Similarity

CHUNK_SIZE = 4 * 2**20
"""Scores in memory at once."""
TIE_ULPS = 8.0
"""Two scores tie if they differ by less than this many units of rounding, times both norms."""


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
        choices: rows of ``candidates`` that each query chooses from, ``(N, K)`` int; None is all.
        similarity: ``cosine`` (a zero vector scores 0 with everything) or the raw ``dot`` product.

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
    queries = normalize_vectors(to_tensor(queries), "query", similarity)
    candidates = normalize_vectors(to_tensor(candidates), "candidate", similarity)
    listed = None if choices is None else to_tensor(choices)
    size = len(candidates) if listed is None else listed.shape[1]
    lists = to_index_lists(positives)
    if not all(row and 0 <= min(row) <= max(row) < size for row in lists):
        raise DataError(f"positive out of range: there are {size} candidates, 0 to {size - 1}")
    query_norms, candidate_norms = queries.norm(dim=1), candidates.norm(dim=1)
    if similarity == "dot":
        query_norms, candidate_norms = _measure_raw_norms(queries, candidates)

    def measure_norms(part: slice, columns: Tensor) -> Tensor:
        rows = columns if listed is None else listed[part].gather(1, columns[:, None])[:, 0]
        norms: Tensor = query_norms[part] * candidate_norms[rows]
        return norms

    blocks = [
        rank_scores(scores, lists[part], partial(measure_norms, part)).stack()
        for part, scores in _iter_scores(queries, candidates, listed)
    ]
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


def normalize_vectors(vectors: Tensor, name: str, similarity: Similarity) -> Tensor:
    """Return finite vectors of at least float32, of unit length for the cosine."""
    vectors = vectors if vectors.dtype == torch.float64 else vectors.float()
    is_broken = ~torch.isfinite(vectors).all(1)
    if is_broken.any():
        raise DataError(
            f"{int(is_broken.sum())} of {len(vectors)} {name} embeddings contain NaN or infinity, "
            f"first at row {int(is_broken.nonzero()[0])}"
        )
    if similarity == "dot":
        return vectors
    # Scaled first, so that neither a tiny nor a huge vector loses its direction in the square.
    largest = vectors.abs().amax(1, keepdim=True)
    vectors = vectors / torch.where(largest > 0, largest, 1)  # a denormal number is above 0
    norms = vectors.square().sum(1, keepdim=True).sqrt()
    return vectors / norms.clamp_min(0.5)


def _measure_raw_norms(queries: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
    """Return the norms, after a check that dot products neither overflow nor underflow."""
    # In float64, in which the square of a float32 number does not overflow.
    norms, candidate_norms = queries.double().norm(dim=1), candidates.double().norm(dim=1)
    longest = candidate_norms.max()
    limits, products = torch.finfo(queries.dtype), norms * longest
    is_outside = (products >= limits.max) | ((products > 0) & (products < limits.tiny / limits.eps))
    if is_outside.any():
        row = int(is_outside.nonzero()[0])
        raise DataError(
            f"dot products of {int(is_outside.sum())} of {len(queries)} query embeddings leave the "
            f"range of {queries.dtype}: that of row {row} has the length {float(norms[row]):.3g}, "
            f"the longest candidate {float(longest):.3g}; scale them, or use the cosine"
        )
    return norms.to(queries.dtype), candidate_norms.to(queries.dtype)


def _iter_scores(
    queries: Tensor, candidates: Tensor, choices: Tensor | None
) -> Iterator[tuple[slice, Tensor]]:
    """Yield rows and their scores ``(rows, K)``; each chunk overwrites the one before."""
    if choices is None:
        rows = max(16, CHUNK_SIZE // max(1, len(candidates)))
        buffer = queries.new_empty(min(rows, len(queries)), len(candidates))
        for part in _iter_slices(len(queries), rows):
            chunk = queries[part]
            yield part, torch.mm(chunk, candidates.T, out=buffer[: len(chunk)])
        return
    rows = max(1, CHUNK_SIZE // max(1, choices.shape[1] * queries.shape[1]))
    for part in _iter_slices(len(queries), rows):
        listed = candidates[choices[part]]  # (rows, K, D)
        yield part, (listed @ queries[part][:, :, None])[:, :, 0]


def _iter_slices(total: int, rows: int) -> Iterator[slice]:
    return (slice(start, start + rows) for start in range(0, total, rows))
