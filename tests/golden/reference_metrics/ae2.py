"""The four metrics of AE2 on embeddings of frames (Xue and Grauman, NeurIPS 2023).

``embeds (N, D)`` are those of all frames, video after video, ``labels (N,)`` their phases, and
``lengths`` the number of frames of each video (zihuixue/AlignEgoExo, evaluation).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from egoexobench.evaluation.arrays import Floats

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
FIRST = 10
"""Frames that retrieval looks at."""
STRIDE = 5
"""Frames from one to the next that Kendall's tau compares."""
TICK = 1e-3
"""What a frame adds to the column of time that some data sets' embeddings get."""


def score_classification(train: Floats, phases: Ints, test: Floats, labels_expected: Ints) -> float:
    """Weighted F1 of scikit-learn's support vector classifier, all its settings at their defaults.

    Across views, it is fitted on frames of one and tested on frames of the other.
    """
    from sklearn.metrics import f1_score
    from sklearn.svm import SVC

    predictions = SVC().fit(train, phases).predict(test)
    return float(f1_score(labels_expected, predictions, average="weighted"))


def score_retrieval(
    embeds: Floats, labels: Ints, videos: Ints, *, queries: Flags, gallery: Flags
) -> float:
    """Mean over query frames of the average precision of their 10 nearest frames.

    Frames of the query's own video are left out. Average precision is over the relevant frames
    among the 10, and 0 where there is none.

    Args:
        embeds: ``(N, D)``.
        labels: phases, ``(N,)``.
        videos: which video each frame is of, ``(N,)``.
        queries: frames that search, ``(N,)``.
        gallery: frames that are searched, ``(N,)``.
    """
    from scipy.spatial.distance import cdist

    values = []
    for frame in np.flatnonzero(queries):
        others = np.flatnonzero(gallery & (videos != videos[frame]))
        distance = cdist(embeds[frame][None], embeds[others])[0]
        nearest = others[distance.argsort(kind="stable")[:FIRST]]
        hits = labels[nearest] == labels[frame]
        precision = hits.cumsum() / np.arange(1, len(hits) + 1)
        values.append(float((precision * hits).sum() / max(hits.sum(), 1)))
    return float(np.mean(values))


def append_time(embeds: Floats, lengths: Ints) -> Floats:
    """Embeddings with the column of time that AE2 appends for one data set, ``(N, D + 1)``."""
    time = np.concatenate([np.arange(length) for length in lengths]) * TICK
    return np.concatenate([embeds, time[:, None]], 1)


def score_progression(
    train: tuple[Floats, Ints, Ints], test: tuple[Floats, Ints, Ints]
) -> tuple[float, float]:
    """Mean over phases of the R2 of a linear regression, on what it was fitted to and on a test.

    It predicts how far a frame is from the last one of the phase, as a share of its video.
    Videos without the phase are left out, and so is a phase that either side lacks.

    Args:
        train: embeds, labels and lengths.
        test: likewise.
    """
    from sklearn.linear_model import LinearRegression

    rows = []
    for phase in np.intersect1d(train[1], test[1]):
        (fitted, goal), (tested, labels_expected) = (
            _measure_progress(phase, *side) for side in (train, test)
        )
        model = LinearRegression().fit(fitted, goal)
        rows.append((model.score(fitted, goal), model.score(tested, labels_expected)))
    means = np.mean(rows, 0)
    return float(means[0]), float(means[1])


def _measure_progress(
    phase: int, embeds: Floats, labels: Ints, lengths: Ints
) -> tuple[Floats, Floats]:
    remaining, goals = [], []
    for rows in _iter_videos(lengths):
        inside = np.flatnonzero(labels[rows] == phase)
        if len(inside):
            remaining.append(embeds[rows])
            goals.append((np.arange(len(remaining[-1])) - inside[-1]) / len(remaining[-1]))
    return np.concatenate(remaining), np.concatenate(goals)


def compute_tau(embeds: Floats, lengths: Ints) -> float:
    """Mean over ordered pairs of videos of Kendall's tau of nearest frames; NaN is left out."""
    from scipy.spatial.distance import cdist
    from scipy.stats import kendalltau

    parts = [embeds[rows][::STRIDE] for rows in _iter_videos(lengths)]
    values = []
    for i, query in enumerate(parts):
        for j, other in enumerate(parts):
            if i != j:
                nearest = cdist(query, other, "sqeuclidean").argmin(1)
                values.append(float(kendalltau(np.arange(len(nearest)), nearest).statistic))
    return float(np.nanmean(values))


def _iter_videos(lengths: Ints) -> Iterator[slice]:
    stop = 0
    for length in lengths.tolist():
        stop += length
        yield slice(stop - length, stop)
