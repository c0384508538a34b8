"""Frame retrieval of AE2: the phases of the nearest frames of other videos.

A frame asks for frames of its phase (Xue and Grauman, NeurIPS 2023; zihuixue/AlignEgoExo e73d055).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.nearest_frames import (
    ComparedFrames,
    NearestFrames,
    center_vectors,
    iter_nearest,
)
from egoexobench.evaluation.tied_precision import (
    TiedGroups,
    compute_precision_at_k,
    compute_tied_precision,
)

if TYPE_CHECKING:
    from egoexobench.evaluation.frame_embeddings import FrameEmbeddings


@dataclass(frozen=True, slots=True)
class FrameRanking:
    """How well query frames find frames of their phase.

    Attributes:
        rows: of the query frames, ``(Q,)``.
        precisions: average precision of each query by k, each ``(Q,)``.
        num_candidates: ``(Q,)``.
        num_relevant: candidates of the query's phase, ``(Q,)``.
        num_tied: queries whose value is a mean over orders of candidates that are equally near.
    """

    rows: NDArray[np.int64]
    precisions: dict[int, Floats]
    num_candidates: NDArray[np.int64]
    num_relevant: NDArray[np.int64]
    num_tied: int


def rank_frames(
    frames: FrameEmbeddings,
    queries: NDArray[np.bool_],
    gallery: NDArray[np.bool_],
    top_k: Sequence[int],
) -> FrameRanking:
    """Return the average precision of the k nearest frames of other videos, by Euclidean distance.

    With fewer than k candidates, all of them count. If frames are equally near, the value is its
    mean over their orders.

    Args:
        frames: of one split.
        queries: which frames ask, ``(N,)``; one without any candidate is left out.
        gallery: which frames are candidates, but for those of the query's own video, ``(N,)``.
        top_k: how many frames count.
    """
    columns = np.flatnonzero(gallery)
    num_candidates, num_relevant = _count_candidates(frames, gallery)
    rows = np.flatnonzero(queries & (num_candidates > 0))
    every = ComparedFrames(center_vectors(frames.vectors), frames.videos)
    precisions = {k: np.empty(len(rows)) for k in top_k}
    num_tied = 0
    for block, nearest in iter_nearest(every.select(rows), every.select(columns), max(top_k)):
        own = frames.labels[rows[block]]
        hits = frames.labels[columns[nearest.columns]] == own[:, None]
        hits &= np.isfinite(nearest.distances)
        for k in top_k:
            precisions[k][block] = compute_precision_at_k(hits, k)
        tied = _list_tied(nearest, max(top_k))
        num_tied += len(tied)
        for row in tied:
            last = frames.labels[columns[nearest.last_ties.get(row, columns[:0])]] == own[row]
            groups = _group_ties(nearest.distances[row], hits[row], last, max(top_k))
            for k in top_k:
                precisions[k][block.start + row] = compute_tied_precision(groups, k)
    return FrameRanking(
        rows=rows,
        precisions=precisions,
        num_candidates=num_candidates[rows],
        num_relevant=num_relevant[rows],
        num_tied=num_tied,
    )


def _count_candidates(
    frames: FrameEmbeddings, gallery: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many candidates each frame has, and how many of its phase, each ``(N,)``."""
    num_phases = int(frames.labels.max(initial=0)) + 1
    counts = np.zeros((len(frames.lengths), num_phases), np.int64)
    np.add.at(counts, (frames.videos[gallery], frames.labels[gallery]), 1)
    others = counts.sum(0) - counts
    return others.sum(1)[frames.videos], others[frames.videos, frames.labels]


def _list_tied(nearest: NearestFrames, size: int) -> list[int]:
    """Return the queries among whose first ``size`` candidates, and the next, some tie."""
    first = nearest.distances[:, : size + 1]
    with np.errstate(invalid="ignore"):  # no candidate and no candidate are no tie
        has_tie = (np.diff(first, axis=1) == 0).any(1)
    has_tie[list(nearest.last_ties)] = True
    return np.flatnonzero(has_tie).tolist()


def _group_ties(
    distances: Floats, hits: NDArray[np.bool_], last: NDArray[np.bool_], size: int
) -> TiedGroups:
    """Return the groups of candidates that tie, from the nearest to the last that counts."""
    listed = np.isfinite(distances)
    starts = np.unique(distances[listed], return_index=True)[1]
    counts = np.diff([*starts, int(listed.sum())])  # none, if all that count tie with the last
    groups = [
        (int(count), int(hits[start : start + count].sum()))
        for start, count in zip(starts, counts, strict=True)
        if start < size
    ]
    return (*groups, (len(last), int(last.sum()))) if len(last) else tuple(groups)
