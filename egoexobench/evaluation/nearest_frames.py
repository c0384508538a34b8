"""The nearest frames of other videos, exactly, from tiles of a product in 32 bits.

A tile of products selects a few more frames than are needed; their distances are computed again in
64 bits, as sums of squared differences. Where the rounding of the product could have hidden a frame
that is as near as the last one that counts, a product in 64 bits finds all that tie with it. Only
short lists are sorted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.evaluation.vector_norms import TIE_ULPS

if TYPE_CHECKING:
    from egoexobench.evaluation.arrays import Floats

TILE_SIZE = 2**24
"""Distances in memory at once."""
SPARE_ITEMS = 9
"""Frames that are selected beyond those that are needed."""
GROUP_SIZE = 64
"""Candidates of which first only the least distance is compared."""


@dataclass(frozen=True, slots=True)
class ComparedFrames:
    """Frames that are compared: ``vectors`` float64 ``(N, D)``, and ``videos (N,)``, which rise."""

    vectors: Tensor
    videos: NDArray[np.int64]

    def select(self, rows: slice | NDArray[np.int64]) -> ComparedFrames:
        """Return some frames."""
        return ComparedFrames(self.vectors[rows], self.videos[rows])


@dataclass(frozen=True, slots=True)
class NearestFrames:
    """The nearest candidates of Q queries, M of each, the nearest first.

    Attributes:
        distances: squared, ``(Q, M)``; infinite where there are fewer candidates.
        columns: positions of the candidates, ``(Q, M)``.
        last_ties: candidates that tie with the last one that counts, by position of the query; they
            follow the listed ones, of a query where the list might not have them all.
    """

    distances: Floats
    columns: NDArray[np.int64]
    last_ties: Mapping[int, NDArray[np.int64]]


def center_vectors(vectors: NDArray[np.float32]) -> Tensor:
    """Return vectors around 0, between -1 and 1, float64, which keeps the order of distances.

    The nearer vectors are to 0, the less their products are rounded; a few far ones move no median.
    """
    values = torch.from_numpy(np.asarray(vectors, np.float64))
    values = values - values.median(0).values
    # By a power of two, which rounds nothing: vectors at equal distances stay so.
    scaled: Tensor = torch.ldexp(values, -torch.frexp(values.abs().max()).exponent)
    return scaled


@torch.no_grad()
def iter_nearest(
    queries: ComparedFrames, candidates: ComparedFrames, size: int
) -> Iterator[tuple[slice, NearestFrames]]:
    """Yield the nearest ``size`` candidates of other videos, and a few more, by blocks of queries.

    Args:
        queries: frames that ask.
        candidates: frames that are searched, but for those of the query's own video.
        size: how many are needed.
    """
    rounded = candidates.vectors.float()
    halves = rounded.double().square().sum(1).float() / 2
    step = max(1, TILE_SIZE // max(1, len(rounded)))
    products = rounded.new_empty(step, len(rounded))
    for start in range(0, len(queries.videos), step):
        block = slice(start, start + step)
        part = queries.select(block)
        tile = products[: len(part.videos)]
        # Half of the squared distance without the query's own norm, which is the same in a row.
        torch.addmm(halves, part.vectors.float(), rounded.T, alpha=-1, out=tile)
        _exclude_own_videos(tile, part, candidates)
        values, columns = _select_least(tile, size + SPARE_ITEMS)
        distances = _measure_distances(part, candidates, columns)
        distances[values.isinf()] = torch.inf
        distances, order = distances.sort(dim=1, stable=True)
        columns = columns.gather(1, order)
        is_certain = _is_complete(distances, 2 * values[:, -1].double(), part, size)
        unsure = (~is_certain).nonzero()[:, 0].numpy()
        last_ties = _find_last_ties(distances, columns, part, candidates, rows=unsure, size=size)
        yield block, NearestFrames(distances.numpy(), columns.numpy(), last_ties)


def _exclude_own_videos(tile: Tensor, queries: ComparedFrames, candidates: ComparedFrames) -> None:
    videos, starts = np.unique(queries.videos, return_index=True)
    ends = [*starts[1:], len(queries.videos)]
    firsts, lasts = (np.searchsorted(candidates.videos, videos, side) for side in ("left", "right"))
    for start, end, first, last in zip(starts, ends, firsts, lasts, strict=True):
        tile[start:end, first:last] = torch.inf


def _select_least(tile: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return the least values of each row and their columns, ``(Q, size)`` or all.

    The least values lie in the groups of columns whose minima are least, and in the rest.
    """
    num_columns = tile.shape[1]
    num_groups = num_columns // GROUP_SIZE
    if num_groups <= 2 * size:
        return tile.topk(min(size, num_columns), dim=1, largest=False)
    num_grouped = num_groups * GROUP_SIZE
    minima = tile[:, :num_grouped].reshape(len(tile), GROUP_SIZE, num_groups).amin(1)
    groups = minima.topk(size, dim=1, largest=False).indices
    members = groups[:, :, None] + num_groups * torch.arange(GROUP_SIZE)
    rest = torch.arange(num_grouped, num_columns).expand(len(tile), -1)
    columns = torch.cat([members.flatten(1), rest], 1)
    values, order = tile.gather(1, columns).topk(size, dim=1, largest=False)
    return values, columns.gather(1, order)


def _measure_distances(
    queries: ComparedFrames, candidates: ComparedFrames, columns: Tensor
) -> Tensor:
    """Return squared distances ``(Q, M)`` as sums of squares: equal vectors tie to the last bit."""
    parts = []
    step = max(1, TILE_SIZE // (4 * columns.shape[1] * queries.vectors.shape[1]))
    for start in range(0, len(columns), step):
        block = slice(start, start + step)
        difference = candidates.vectors[columns[block]] - queries.vectors[block, None]
        parts.append(difference.square_().sum(2))
    return torch.cat(parts)


def _is_complete(distances: Tensor, least: Tensor, queries: ComparedFrames, size: int) -> Tensor:
    """Return of which queries no frame outside of the list is as near as the last that counts.

    Args:
        distances: of the listed frames, the nearest first, ``(Q, M)``.
        least: what the product says of any other, without the norm of the query, ``(Q,)``.
        queries: the frames that ask.
        size: how many count.

    A frame as near as that is not longer than the query's vector and the distance together, which
    bounds the rounding of its product, in any order of the sum.
    """
    norms = queries.vectors.norm(dim=1)
    last = distances[:, min(size, distances.shape[1]) - 1]
    num_roundings = queries.vectors.shape[1] + 8
    limits = torch.finfo(torch.float32)
    rounding = limits.eps * (2 * norms + last.sqrt()).square() + limits.tiny
    is_short = torch.full_like(last, distances.shape[1] < size + SPARE_ITEMS, dtype=torch.bool)
    is_nearer: Tensor = last < least + norms.square() - num_roundings * rounding
    return is_short | least.isinf() | is_nearer


def _find_last_ties(
    distances: Tensor,
    columns: Tensor,
    queries: ComparedFrames,
    candidates: ComparedFrames,
    *,
    rows: NDArray[np.int64],
    size: int,
) -> dict[int, NDArray[np.int64]]:
    """Compare some queries with all candidates in 64 bits; write their lists up to the last ties.

    Two distances tie if they differ by no more than the product is rounded.
    """
    ties: dict[int, NDArray[np.int64]] = {}
    if not len(rows):
        return ties
    norms = candidates.vectors.square().sum(1)
    step = max(1, TILE_SIZE // (4 * len(norms)))
    for start in range(0, len(rows), step):
        row = rows[start : start + step]
        part = queries.select(row)
        tile = torch.addmm(norms, part.vectors, candidates.vectors.T, alpha=-2)
        own_norms = part.vectors.square().sum(1)
        _exclude_own_videos(tile, part, candidates)
        least, nearest = _select_least(tile, size)
        last = least[:, -1:]
        scale = own_norms[:, None] + norms[nearest[:, -1]][:, None]
        margin = TIE_ULPS * torch.finfo(torch.float64).eps * scale
        is_before = least < last - margin
        measured = _measure_distances(part, candidates, nearest).masked_fill(~is_before, torch.inf)
        measured, order = measured.sort(dim=1, stable=True)
        distances[row] = torch.inf
        distances[row, :size] = measured
        columns[row, :size] = nearest.gather(1, order)
        is_tied = (tile - last).abs() <= margin
        ties |= {int(i): is_tied[j].nonzero()[:, 0].numpy() for j, i in enumerate(row.tolist())}
    return ties
