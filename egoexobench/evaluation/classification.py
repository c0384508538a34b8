"""Metrics of items with one or more true classes.

``scores`` and ``truth`` are ``(N, C)``, N items and C classes; a row of ``truth`` is True at the
item's classes. Each value is its exact mean over all orders of tied scores. A class without items
is left out of every mean over classes.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from egoexobench.evaluation.arrays import Floats, Vectors, to_floats, to_tensor
from egoexobench.evaluation.metrics import harmonic_sums

LabelMatrix: TypeAlias = NDArray[np.bool_]


def top1_accuracy(scores: Vectors, truth: Vectors) -> Floats:
    """Return the probability ``(N,)`` that the best class is a true one.

    >>> top1_accuracy(np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([[True, False], [True, False]]))
    array([1. , 0.5])
    """
    values, is_true = to_floats(scores), _to_label_matrix(truth)
    is_best = values == values.max(1, keepdims=True)
    return np.asarray((is_best & is_true).sum(1) / is_best.sum(1))


def recall_at_k_terms(scores: Vectors, truth: Vectors, k: int) -> Floats:
    """Return the probability ``(N, C)`` that each true class is among an item's first k classes.

    >>> recall_at_k_terms(np.array([[3.0, 2.0, 1.0]]), np.array([[True, False, True]]), k=2)
    array([[1., 0., 0.]])
    """
    values, is_true = to_floats(scores), _to_label_matrix(truth)
    num_better = (values[:, None, :] > values[:, :, None]).sum(2)
    num_tied = (values[:, None, :] == values[:, :, None]).sum(2)
    return np.asarray(is_true * np.clip(k - num_better, 0, num_tied) / num_tied)


def class_mean_recall(terms: Vectors, truth: Vectors, weights: Vectors) -> Floats:
    """Return the recall ``(R,)``: the mean over classes of the mean over their items.

    Args:
        terms: result of :func:`recall_at_k_terms`, ``(N, C)``.
        truth: ``(N, C)``.
        weights: how often each item counts, ``(R, N)``.

    >>> truth = np.array([[True, False], [True, False], [False, True]])
    >>> terms = recall_at_k_terms(np.array([[2.0, 1], [1, 2], [1, 2]]), truth, k=1)
    >>> class_mean_recall(terms, truth, np.ones((1, 3)))
    array([0.75])
    """
    repeats, is_true = to_floats(weights), _to_label_matrix(truth)
    sums, counts = repeats @ to_floats(terms), repeats @ is_true
    return class_mean(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))


def average_precision(scores: Vectors, truth: Vectors, weights: Vectors | None = None) -> Floats:
    """Return the average precision of each class, ``(R, C)``; NaN for a class without items.

    Average precision is the mean over a class's items of the precision at their rank. Without
    ties it is scikit-learn's ``average_precision_score``, which with ties takes the precision at
    the end of each tied group instead.

    Args:
        scores: ``(N, C)``.
        truth: ``(N, C)``.
        weights: how often each item counts, ``(R, N)`` integers; copies of one item tie. Without
            weights each item counts once, and R is 1.

    >>> truth = np.array([[True], [False], [True]])
    >>> average_precision(np.array([[0.9], [0.8], [0.7]]), truth)
    array([[0.83333333]])
    """
    values, is_true = to_floats(scores), _to_label_matrix(truth)
    repeats = np.ones((1, len(values))) if weights is None else to_floats(weights)
    sums = harmonic_sums(int(repeats.sum(1).max(initial=0)))
    columns = [
        _class_average_precision(values[:, column], is_true[:, column], repeats, sums)
        for column in range(values.shape[1])
    ]
    return np.stack(columns, 1)


def class_mean(values: Floats) -> Floats:
    """Return the mean over the classes that have a value, ``(R, C)`` to ``(R,)``.

    >>> class_mean(np.array([[0.5, np.nan, 1.0]]))
    array([0.75])
    """
    has_value = ~np.isnan(values)
    return np.asarray(np.where(has_value, values, 0).sum(1) / np.maximum(has_value.sum(1), 1))


def chance_top1_accuracy(truth: Vectors) -> Floats:
    """Return the probability ``(N,)`` that a random class is a true one.

    >>> chance_top1_accuracy(np.array([[True, False, True, False]]))
    array([0.5])
    """
    return np.asarray(_to_label_matrix(truth).mean(1))


def majority_top1_accuracy(truth: Vectors) -> float:
    """Return the share of items that have the most frequent class.

    >>> truth = np.array([[True, False], [True, False], [False, True], [True, True]])
    >>> majority_top1_accuracy(truth)
    0.75
    """
    return float(_to_label_matrix(truth).mean(0).max())


def chance_recall_at_k(num_classes: int, k: int) -> float:
    """Return the recall of k random classes, min(k, C) / C.

    >>> chance_recall_at_k(num_classes=20, k=5)
    0.25
    """
    return min(k, num_classes) / num_classes


def majority_recall_at_k(truth: Vectors, k: int) -> float:
    """Return the recall of the same k classes for every item, all of which occur.

    >>> majority_recall_at_k(np.array([[True, False], [True, False]]), k=1)
    1.0
    """
    num_occurring = int(_to_label_matrix(truth).any(0).sum())
    return min(k, num_occurring) / num_occurring


def chance_average_precision(num_items: int, num_positives: int) -> float:
    """Return the mean average precision of all rankings of n items, p of them positive.

    An item is at rank i with probability 1 / n; if it is positive, each of the i - 1 items before
    it is positive with probability s = (p - 1) / (n - 1). The mean of (1 + (i - 1) s) / i over the
    ranks is s + (1 - s) H(n) / n, where H(n) = 1 + 1/2 + ... + 1/n.

    >>> chance_average_precision(num_items=2, num_positives=1)
    0.75
    """
    share = (num_positives - 1) / (num_items - 1) if num_items > 1 else 0.0
    return share + (1 - share) * float(harmonic_sums(num_items)[-1]) / num_items


def _to_label_matrix(truth: Vectors) -> LabelMatrix:
    return np.asarray(to_tensor(truth).cpu().numpy(), np.bool_)


def _class_average_precision(
    scores: Floats, truth: LabelMatrix, weights: Floats, sums: Floats
) -> Floats:
    """Average precision ``(R,)`` of one class; each group of equal scores in closed form.

    Let t items tie, q of them positive, after b items with p positives. A positive among them is
    at rank b + 1 + j, 0 <= j < t, with p + 1 + j s positives so far, s = (q - 1) / (t - 1).
    The sum of (p + 1 + j s) / (b + 1 + j) over j is t s + (p + 1 - s (b + 1)) (H(b + t) - H(b)).
    """
    if not truth.any():
        return np.full(len(weights), np.nan)
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    positions = np.flatnonzero(truth[order])
    starts = np.searchsorted(-ordered, -ordered[positions], "left")
    ends = np.searchsorted(-ordered, -ordered[positions], "right")
    groups = np.flatnonzero(np.concatenate(([True], starts[1:] != starts[:-1])))
    reached = np.zeros((len(weights), len(order) + 1))
    np.cumsum(weights[:, order], axis=1, out=reached[:, 1:])
    before = reached[:, starts[groups]]  # (R, groups that contain a positive)
    tied = reached[:, ends[groups]] - before
    positive = np.add.reduceat(weights[:, order[positions]], groups, axis=1)
    earlier = positive.cumsum(1) - positive
    share = (positive - 1) / np.maximum(tied - 1, 1)
    rise = sums[(before + tied).astype(int)] - sums[before.astype(int)]
    rise = np.where(tied == 1, 1 / (before + 1), rise)  # to the last digit where nothing ties
    gained = tied * share + (earlier + 1 - share * (before + 1)) * rise
    gained = np.where(positive > 0, gained * positive / np.maximum(tied, 1), 0)
    total = positive.sum(1)
    return np.where(total > 0, gained.sum(1) / np.maximum(total, 1), np.nan)
