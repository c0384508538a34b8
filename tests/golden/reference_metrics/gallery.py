"""Retrieval in a whole gallery, by each reference's rule for ties."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from egoexobench.evaluation.arrays import Floats

Report = dict[str, float]


def compute_egoinstructor_ranks(similarity: Floats) -> list[int]:
    """0-based ranks of the diagonal of ``(N, N)``: one for every place that ties with a truth.

    The list is longer than N where there are ties, and every share is of that longer list
    (Jazzcharles/Egoinstructor 8492ba0, compute_metrics).
    """
    descending = np.sort(-similarity, axis=1)
    columns = np.nonzero(descending == -np.diag(similarity)[:, None])[1]
    return [int(index) for index in columns]


def score_egoinstructor(similarity: Floats) -> Report:
    """R@1, R@5 and R@10 in percent, median (twice) and mean rank counted from 1."""
    ranks = np.array(compute_egoinstructor_ranks(similarity))
    recalls = {f"R{k}": 100 * float((ranks < k).mean()) for k in (1, 5, 10)}
    median = float(np.median(ranks)) + 1
    return {**recalls, "MR": median, "MedianR": median, "MeanR": float(ranks.mean()) + 1}


def score_text_to_video(similarity: Floats, real: NDArray[np.bool_] | None = None) -> Report:
    """Texts look for their video, which takes the best of the ranks that it ties for.

    Args:
        similarity: ``(texts, videos)``; each video has as many texts, which stand in a row.
        real: ``(texts,)``, False at texts that only pad a video's captions to their number; they
            are left out (m-bain/frozen-in-time e1f13e1, model/metric.py).
    """
    texts, videos = similarity.shape
    own = similarity[np.arange(texts), np.arange(texts) // (texts // videos)]
    ranks = (similarity > own[:, None]).sum(1)
    return _summarize_ranks(ranks if real is None else ranks[real])


def score_video_to_text(similarity: Floats, real: NDArray[np.bool_] | None = None) -> Report:
    """Videos look for their best-placed text, which takes the mean of the ranks it ties for.

    Arguments as `score_text_to_video`; a text that pads stands behind all others.
    """
    scores = similarity if real is None else np.where(real[:, None], similarity, -np.inf)
    texts, videos = scores.shape
    each = texts // videos
    ranks = []
    for video in range(videos):
        own = scores[video * each : (video + 1) * each, video]
        column = scores[:, video]
        better = (column > own[:, None]).sum(1)
        tied = (column == own[:, None]).sum(1)
        means = better + (tied - 1) / 2
        ranks.append(means[own > -np.inf].min(initial=np.inf))
    return _summarize_ranks(ranks)


def _summarize_ranks(ranks: Sequence[float] | NDArray[np.int64]) -> Report:
    values = np.asarray(ranks, float)
    recalls = {f"R{k}": 100 * float((values < k).mean()) for k in (1, 5, 10, 50)}
    product = recalls["R1"] * recalls["R5"] * recalls["R10"]
    return {
        **recalls,
        "MedR": float(np.median(values)) + 1,
        "MeanR": float(values.mean()) + 1,
        "geometric_mean_R1-R5-R10": product ** (1 / 3),
    }
