"""Alignment of AE2: whether the nearest frames in another video come in the same order.

Every fifth frame of a video is compared with every fifth frame of another, or those at another
stride; Kendall's tau-b compares the number of a frame with that of the nearest one (Xue and
Grauman, NeurIPS 2023; zihuixue/AlignEgoExo e73d055).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.nearest_frames import center_vectors
from egoexobench.evaluation.vector_norms import TIE_ULPS

if TYPE_CHECKING:
    from torch import Tensor

    from egoexobench.evaluation.frame_embeddings import FrameEmbeddings

STRIDE = 5
"""Frames from one that is compared to the next, in AE2."""
CHUNK_SIZE = 2**24
"""Numbers in memory at once."""


@dataclass(frozen=True, slots=True)
class VideoOrders:
    """Kendall's tau-b of every ordered pair of videos.

    Attributes:
        taus: ``(V, V)``, a row for each query video; NaN where all nearest frames are one frame,
            for a pair that was not requested, and on the diagonal.
        num_undefined: pairs that were requested and have none.
        num_tied: query frames with several nearest frames, of which the first counts.
    """

    taus: Floats
    num_undefined: int
    num_tied: int


def compare_orders(
    frames: FrameEmbeddings, pairs: NDArray[np.bool_], stride: int = STRIDE
) -> VideoOrders:
    """Return the taus of some ordered pairs of different videos.

    Args:
        frames: of one split; those without a phase are left out.
        pairs: which query video is compared with which other, ``(V, V)``.
        stride: frames from one that is compared to the next.
    """
    rows = np.flatnonzero((frames.positions % stride == 0) & frames.has_phase)
    sampled, owners = center_vectors(frames.vectors)[rows], frames.videos[rows]
    videos, starts = np.unique(owners, return_index=True)
    pairs = pairs & ~np.eye(len(pairs), dtype=bool)
    taus, num_tied = np.full(pairs.shape, np.nan), 0
    for video in videos[pairs[np.ix_(videos, videos)].any(1)]:
        nearest, is_tied = _find_nearest(sampled[owners == video], sampled, starts)
        taus[video, videos] = compute_tau(nearest)
        num_tied += int(is_tied[:, pairs[video, videos]].sum())
    taus[~pairs] = np.nan
    return VideoOrders(taus, int((pairs & np.isnan(taus)).sum()), num_tied)


def find_activity_pairs(frames: FrameEmbeddings) -> NDArray[np.bool_]:
    """Return which two videos show one activity, ``(V, V)``: only these are compared."""
    if not frames.activities:
        return np.ones((len(frames.clip_ids), len(frames.clip_ids)), bool)
    numbers = np.unique(frames.activities, return_inverse=True)[1]
    return np.asarray(numbers[:, None] == numbers[None])


def compute_mean_tau(frames: FrameEmbeddings, stride: int = STRIDE) -> float:
    """Return the mean tau of all ordered pairs of videos of one activity; 0 without any."""
    taus = compare_orders(frames, find_activity_pairs(frames), stride).taus
    return float(np.nanmean(taus)) if np.isfinite(taus).any() else 0.0


def compute_tau(numbers: NDArray[np.int64]) -> Floats:
    """Return Kendall's tau-b of 0, 1, ... with each column of ``(M, C)`` numbers, ``(C,)``.

    NaN if all numbers of a column are equal.

    >>> compute_tau(np.array([[0, 2, 0], [1, 1, 0], [2, 0, 0]]))
    array([ 1., -1., nan])
    """
    num_pairs = len(numbers) * (len(numbers) - 1) // 2
    excess, num_equal = np.zeros((2, numbers.shape[1]), np.int64)
    for lag in range(1, len(numbers)):
        change = numbers[lag:] - numbers[:-lag]
        excess += np.sign(change).sum(0)
        num_equal += (change == 0).sum(0)
    with np.errstate(invalid="ignore"):
        return np.asarray(excess / np.sqrt(num_pairs) / np.sqrt(num_pairs - num_equal))


def _find_nearest(
    queries: Tensor, frames: Tensor, starts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the position in ``frames`` of the nearest frame of each video, and where some tie.

    Of frames that are equally near, up to rounding, it is the first.

    Args:
        queries: ``(M, D)``.
        frames: of all V videos, ``(N, D)``.
        starts: where each video begins, ``(V,)``.

    Returns:
        Both ``(M, V)``.
    """
    norms, parts = frames.square().sum(1), []
    lengths = np.diff([*starts, len(frames)])
    step = max(1, CHUNK_SIZE // len(frames))
    for start in range(0, len(queries), step):
        block = queries[start : start + step]
        own_norms = block.square().sum(1, keepdim=True)
        distances = (torch.addmm(norms, block, frames.T, alpha=-2) + own_norms).numpy()
        margins = TIE_ULPS * torch.finfo(torch.float64).eps * (own_norms.numpy() + norms.numpy())
        least = np.minimum.reduceat(distances + margins, starts, axis=1)
        is_nearest = distances <= np.repeat(least, lengths, axis=1)
        columns = np.where(is_nearest, np.arange(len(frames)), len(frames))
        first = np.minimum.reduceat(columns, starts, axis=1)
        is_tied = np.add.reduceat(is_nearest, starts, axis=1, dtype=np.int64) > 1
        parts.append((first, is_tied))
    nearest, ties = zip(*parts, strict=True)
    return np.concatenate(nearest), np.concatenate(ties)
