"""Ranks among many candidates, counted in tiles of a matrix product that stay in the cache.

Only a tile of the scores is in memory. A tile is compared with the score of the best positive of
each query, which is computed before as a row product in 64 bits. Positives are left out of the
count, so that several positives of a query cannot push each other down.

On a GPU, tiles are larger and the candidates of a tile are copied to it when they are needed, so
that a gallery may be larger than its memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from egoexobench.device import DeviceConfig, autocast
from egoexobench.evaluation.vector_norms import (
    TIE_ULPS,
    check_dot_range,
    normalize_vectors,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from egoexobench.types import Similarity


class _TileLimits(NamedTuple):
    """Queries and scores of a tile, and numbers in memory at once, about."""

    rows: int
    scores: int
    chunk_size: int


_CPU_LIMITS = _TileLimits(rows=512, scores=2**19, chunk_size=2**22)
"""In 32 bits the scores take 2 MB, which the cache of a core holds."""
_GPU_LIMITS = _TileLimits(rows=4096, scores=2**26, chunk_size=2**28)
"""Each tile takes milliseconds, which is far above the cost of starting a kernel."""


@dataclass(frozen=True, slots=True)
class _Positives:
    """All positives of some queries in one list: the row of the query, and the candidate."""

    rows: Tensor
    columns: Tensor


@dataclass(frozen=True, slots=True)
class _Gallery:
    """Candidates, of which only those that are compared at the moment are copied."""

    vectors: Tensor
    rows: Tensor | None
    """Rows of ``vectors`` that are candidates; None is all."""
    similarity: Similarity
    device: torch.device
    """Where candidates are compared; ``vectors`` may be elsewhere."""

    def __len__(self) -> int:
        return len(self.vectors if self.rows is None else self.rows)

    def select(self, columns: slice | Tensor) -> Tensor:
        """Return some candidates, normalized, on the device."""
        if isinstance(columns, Tensor):
            columns = columns.to(self.vectors.device)
        indices = columns if self.rows is None else self.rows.to(self.vectors.device)[columns]
        return normalize_vectors(self.vectors[indices].to(self.device), self.similarity)


def rank_in_tiles(
    queries: Tensor,
    candidates: Tensor,
    positives: Sequence[Sequence[int]],
    *,
    rows: Tensor | None = None,
    similarity: Similarity,
    chunk_size: int | None = None,
    device: torch.device | None = None,
) -> Tensor:
    """Return the attributes of the ranks of some queries, ``(5, N)``, where the queries are.

    The arguments are those of :func:`egoexobench.evaluation.ranks.compute_ranks`; ``rows`` are the
    choices that all queries share.
    """
    if similarity == "dot":
        check_dot_range(queries, candidates, rows)
    device = device or queries.device
    limits = _CPU_LIMITS if device.type == "cpu" else _GPU_LIMITS
    limits = limits._replace(chunk_size=chunk_size or limits.chunk_size)
    gallery = _Gallery(candidates, rows, similarity, device)
    step = max(1, limits.chunk_size // max(1, queries.shape[1]))
    blocks = [torch.empty(5, 0, dtype=torch.int64, device=queries.device)]
    with autocast(DeviceConfig(str(device))):  # single precision, exact also on a GPU
        for start in range(0, len(queries), step):
            block = queries[start : start + step].to(device)
            ranks = _rank_block(
                normalize_vectors(block, similarity),
                gallery,
                positives[start : start + step],
                limits=limits,
            )
            blocks.append(ranks.to(queries.device))
    return torch.cat(blocks, 1)


def _rank_block(
    queries: Tensor, gallery: _Gallery, positives: Sequence[Sequence[int]], *, limits: _TileLimits
) -> Tensor:
    device, sizes = queries.device, torch.tensor([len(row) for row in positives])
    pairs = _Positives(
        torch.arange(len(positives)).repeat_interleave(sizes).to(device),
        torch.tensor([column for row in positives for column in row], device=device),
    )
    scores, norms = _score_positives(queries, gallery, pairs, limits=limits)
    own = scores.new_full((len(queries),), -torch.inf)
    own.scatter_reduce_(0, pairs.rows, scores, "amax")
    is_best = scores == own[pairs.rows]
    own_norms = torch.zeros_like(own)
    own_norms.scatter_reduce_(0, pairs.rows[is_best], norms[is_best], "amax")
    margins = own_norms * (TIE_ULPS * torch.finfo(queries.dtype).eps)
    is_tied = scores >= (own - margins)[pairs.rows]
    num_better, num_at_least = _count_negatives(
        queries,
        gallery,
        pairs,
        bounds=torch.stack([own + margins, own - margins]).to(queries.dtype),
        limits=limits,
    )
    return torch.stack(
        [
            num_better + 1,
            num_at_least + 1,
            torch.full_like(num_better, len(gallery)),
            sizes.to(device),
            torch.bincount(pairs.rows[is_tied], minlength=len(queries)),
        ]
    )


def _score_positives(
    queries: Tensor, gallery: _Gallery, pairs: _Positives, *, limits: _TileLimits
) -> tuple[Tensor, Tensor]:
    """Return the scores of queries and positives, and the products of their norms, float64."""
    results = []
    step = max(1, limits.chunk_size // max(1, 4 * queries.shape[1]))
    for start in range(0, len(pairs.rows), step):
        rows, columns = (item[start : start + step] for item in (pairs.rows, pairs.columns))
        left, right = queries[rows].double(), gallery.select(columns).double()
        results.append(torch.stack([(left * right).sum(1), left.norm(dim=1) * right.norm(dim=1)]))
    scores, norms = torch.cat(results, 1)
    return scores, norms


def _count_negatives(
    queries: Tensor,
    gallery: _Gallery,
    pairs: _Positives,
    *,
    bounds: Tensor,
    limits: _TileLimits,
) -> tuple[Tensor, Tensor]:
    """Count the negatives of each query above its upper bound, and those from its lower bound on.

    Args:
        queries: ``(N, D)``, normalized.
        gallery: C candidates.
        pairs: the positives, which are not counted.
        bounds: upper and lower bound of each query, ``(2, N)``.
        limits: sizes of tiles, and numbers in memory at once.
    """
    num_rows = min(limits.rows, len(queries))
    num_columns = min(limits.scores, max(1, limits.chunk_size // 4)) // num_rows
    num_columns = max(1, min(num_columns, limits.chunk_size // max(1, 4 * queries.shape[1])))
    counts = torch.zeros(2, len(queries), dtype=torch.int64, device=queries.device)
    buffers = queries.new_empty(2, num_rows * num_columns)
    tiles = _iter_positives_of_tiles(pairs, num_rows, num_columns, (len(queries), len(gallery)))
    for column in range(0, len(gallery), num_columns):
        part = gallery.select(slice(column, column + num_columns))
        for row in range(0, len(queries), num_rows):
            block = slice(row, min(row + num_rows, len(queries)))
            shape = block.stop - row, len(part)
            scores, mask = (buffer[: shape[0] * shape[1]].view(shape) for buffer in buffers)
            torch.mm(queries[block], part.T, out=scores)
            rows, columns = next(tiles)
            scores[rows, columns] = -torch.inf
            # Float masks: a sum of booleans costs more than the product. Exact below 2**24.
            counts[0, block] += torch.gt(scores, bounds[0, block, None], out=mask).sum(1).long()
            counts[1, block] += torch.ge(scores, bounds[1, block, None], out=mask).sum(1).long()
    num_better, num_at_least = counts
    return num_better, num_at_least


def _iter_positives_of_tiles(
    pairs: _Positives, num_rows: int, num_columns: int, shape: tuple[int, int]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the rows and columns of the positives in each tile, block by block of candidates."""
    per_column = -(-shape[0] // num_rows)
    tiles = pairs.columns // num_columns * per_column + pairs.rows // num_rows
    order = tiles.argsort()
    rows, columns = pairs.rows[order] % num_rows, pairs.columns[order] % num_columns
    num_tiles = per_column * -(-shape[1] // num_columns)
    ends = torch.bincount(tiles, minlength=num_tiles).cumsum(0).tolist()
    for start, end in zip([0, *ends], ends, strict=False):
        yield rows[start:end], columns[start:end]
