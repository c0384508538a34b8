"""A support vector classifier with a radial kernel, one against one, for many vectors.

It is scikit-learn's ``SVC`` with its default settings: C = 1, and gamma = 1 / (D times the variance
of all numbers). Each pair of classes is fitted by libsvm, alone and in a thread of its own, which
gives what libsvm gives for all pairs. Decisions are computed in tiles of a matrix product, where
libsvm compares vector by vector; a decision that rounding could turn is computed in 64 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.evaluation.arrays import Floats
from egoexobench.extras import require_library
from egoexobench.toolbox.cores import count_cores, map_in_threads

TILE_SIZE = 2**23
"""Kernel values in memory at once."""
CACHE_SIZE = 1000
"""Megabytes of kernel values that all fits together keep."""


@dataclass(frozen=True, slots=True)
class PairClassifiers:
    """Fitted classifiers of C classes, one for each of P pairs of them.

    Attributes:
        classes: ``(C,)``, sorted.
        vectors: support vectors of any pair, float64 ``(S, D)``.
        weights: of the support vectors in each pair, ``(S, P)``.
        offsets: ``(P,)``; a decision above 0 is for the first class of its pair.
        gamma: of the kernel exp(-gamma |a - b|^2).
    """

    classes: NDArray[np.int64]
    vectors: Floats
    weights: Floats
    offsets: Floats
    gamma: float


def fit_pairs(vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> PairClassifiers:
    """Fit a classifier to each pair of classes.

    Args:
        vectors: ``(N, D)``.
        labels: ``(N,)``, of two classes or more.

    Raises:
        UsageError: without scikit-learn.
    """
    require_library("sklearn", "the track `phase`")
    values = np.asarray(vectors, float)
    variance = float(values.var())
    gamma = 1 / (values.shape[1] * variance) if variance else 1.0
    classes = np.unique(labels)
    pairs = list(combinations(classes.tolist(), 2))

    def fit_pair(pair: tuple[int, int]) -> tuple[NDArray[np.int64], Floats, float]:
        rows = np.flatnonzero(np.isin(labels, pair))
        supports, weights, offset = _fit_two(values[rows], labels[rows], gamma)
        return rows[supports], weights, offset

    weights, offsets = np.zeros((len(values), len(pairs))), np.zeros(len(pairs))
    for index, (rows, own, offset) in enumerate(map_in_threads(fit_pair, pairs)):
        weights[rows, index], offsets[index] = own, offset
    used = weights.any(1)
    return PairClassifiers(
        classes=classes,
        vectors=values[used],
        weights=weights[used],
        offsets=offsets,
        gamma=gamma,
    )


def predict_classes(
    classifiers: PairClassifiers, vectors: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the class with most pairs for it, ``(N,)``; of several, the first.

    Args:
        classifiers: of :func:`fit_pairs`.
        vectors: ``(N, D)``.
    """
    decisions = _decide(classifiers, np.asarray(vectors, float))
    votes = np.zeros((len(decisions), len(classifiers.classes)), np.int64)
    for index, (first, second) in enumerate(combinations(range(votes.shape[1]), 2)):
        is_first = decisions[:, index] > 0
        votes[:, first] += is_first
        votes[:, second] += ~is_first
    return np.asarray(classifiers.classes[votes.argmax(1)])


def _fit_two(
    vectors: Floats, labels: NDArray[np.int64], gamma: float
) -> tuple[NDArray[np.int64], Floats, float]:
    """Return the rows of the support vectors, their weights, and the offset."""
    from sklearn.svm import SVC

    model = SVC(gamma=gamma, cache_size=CACHE_SIZE / count_cores()).fit(vectors, labels)
    # For two classes, its signs are those of a decision for the second.
    return model.support_, -model.dual_coef_[0], -float(model.intercept_[0])


@torch.no_grad()
def _decide(classifiers: PairClassifiers, vectors: Floats) -> Floats:
    """Return the decisions of all pairs, ``(N, P)``.

    A kernel value in 32 bits is as wrong as its exponent, which is rounded by the squared norms.
    """
    center = classifiers.vectors.mean(0)
    queries = torch.from_numpy(vectors - center)
    supports = torch.from_numpy(classifiers.vectors - center)
    weights = torch.from_numpy(classifiers.weights)
    offsets = torch.from_numpy(classifiers.offsets)
    gamma = classifiers.gamma
    decisions = torch.empty(len(queries), len(offsets), dtype=torch.float64)
    rounded = queries.float(), supports.float(), weights.float()
    _fill_decisions(decisions, *rounded, gamma=gamma)
    decisions += offsets
    exponents = 1 + gamma * queries.square().sum(1, keepdim=True)
    margins = 32 * torch.finfo(torch.float32).eps * weights.abs().sum(0) * exponents
    unsure = (decisions.abs() <= margins).any(1).nonzero()[:, 0]
    again = torch.empty(len(unsure), len(offsets), dtype=torch.float64)
    _fill_decisions(again, queries[unsure], supports, weights, gamma=gamma)
    decisions[unsure] = again + offsets
    return decisions.numpy()


def _fill_decisions(
    decisions: Tensor, queries: Tensor, supports: Tensor, weights: Tensor, *, gamma: float
) -> None:
    """Write the sums over the support vectors, without the offsets."""
    own, others = queries.square().sum(1, keepdim=True), supports.square().sum(1)
    step = max(1, TILE_SIZE // len(supports))
    tile = queries.new_empty(step, len(supports))
    for start in range(0, len(queries), step):
        block = slice(start, start + step)
        part = tile[: len(queries[block])]
        torch.addmm(others, queries[block], supports.T, alpha=-2, out=part)
        part.add_(own[block]).clamp_min_(0).mul_(-gamma).exp_()
        decisions[block] = (part @ weights).double()
