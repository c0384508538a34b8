"""Phase classification of AE2: a support vector classifier on frames, and its weighted F1.

It is scikit-learn's, with its default settings: a radial kernel with C = 1 and gamma = 1 / (D times
the variance of all numbers), one classifier for each two phases, on embeddings as they are (Xue and
Grauman, NeurIPS 2023; zihuixue/AlignEgoExo e73d055).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.support_vectors import fit_pairs, predict_classes

if TYPE_CHECKING:
    from egoexobench.evaluation.frame_embeddings import FrameEmbeddings


def predict_phases(train: FrameEmbeddings, test: FrameEmbeddings) -> NDArray[np.int64]:
    """Return the phase of each test frame, ``(N,)``; both have a phase at every frame.

    Raises:
        UsageError: without scikit-learn.
    """
    return predict_classes(fit_pairs(train.vectors, train.labels), test.vectors)


def count_confusions(
    test: FrameEmbeddings, predictions: NDArray[np.int64], num_phases: int
) -> Floats:
    """Return how often each phase was taken for each, by video ``(V, P, P)``; rows are true."""
    counts = np.zeros((len(test.lengths), num_phases, num_phases))
    np.add.at(counts, (test.videos, test.labels, predictions), 1)
    return counts


def compute_weighted_f1(confusions: Floats) -> Floats:
    """Return the mean F1 of the phases, weighted by their true frames: ``(R, P, P)`` to ``(R,)``.

    A phase that is never predicted has 0; one that is never true has no weight. It is
    scikit-learn's ``f1_score`` with ``average="weighted"``.

    >>> compute_weighted_f1(np.array([[[2.0, 0.0], [1.0, 1.0]]])).round(3)
    array([0.733])
    """
    hits = np.einsum("rpp->rp", confusions)
    true, predicted = confusions.sum(2), confusions.sum(1)
    values = 2 * hits / np.maximum(true + predicted, 1)
    return np.asarray((values * true).sum(1) / true.sum(1))


def compute_guessing_f1(shares: Floats) -> float:
    """Return the weighted F1 of guessing each of P phases equally often, for many frames.

    With share s of a phase, the precision of guessing it is s and the recall 1 / P.

    Args:
        shares: of the phases that are guessed, among all test frames, ``(P,)``.

    >>> compute_guessing_f1(np.array([0.5, 0.5]))
    0.5
    """
    recall = 1 / len(shares)
    return float((shares * 2 * shares * recall / (shares + recall)).sum())


def compute_majority_f1(shares: Floats) -> float:
    """Return the weighted F1 of the most frequent of the phases for every frame.

    >>> round(compute_majority_f1(np.array([0.5, 0.5])), 3)
    0.333
    """
    largest = float(shares.max())
    return 2 * largest**2 / (largest + 1)
