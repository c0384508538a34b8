"""Metrics of items with one or more true classes.

``scores`` and ``truth`` are ``(N, C)``, N items and C classes; a row of ``truth`` is True at the
item's classes. Ties are counted as everywhere: each value is its exact mean over all orders of
what ties. A class that no item has is left out of every mean over classes.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from egoexobench.evaluation.metrics import Floats, harmonic

LabelMatrix: TypeAlias = NDArray[np.bool_]


def top1_accuracy(scores: Floats, truth: LabelMatrix) -> Floats:
    """Return the probability (N,) that the best class is a true one; accuracy for one label."""
    best = scores == scores.max(1, keepdims=True)
    return np.asarray((best & truth).sum(1) / best.sum(1))


def recall_at_k_terms(scores: Floats, truth: LabelMatrix, k: int) -> Floats:
    """Return the probability (N, C) that each true class is among an item's first k."""
    better = (scores[:, None, :] > scores[:, :, None]).sum(2)
    tied = (scores[:, None, :] == scores[:, :, None]).sum(2)
    return np.asarray(truth * np.clip(k - better, 0, tied) / tied)


def class_mean_recall(found: Floats, truth: LabelMatrix, weights: Floats) -> Floats:
    """Return the recall (R,), the mean over classes of the share of their items that is found.

    Args:
        found: what :func:`found` gave, ``(N, C)``.
        truth: ``(N, C)``.
        weights: ``(R, N)``, how often each item counts.
    """
    return _class_mean(weights @ found, weights @ truth)


def average_precision(scores: Floats, truth: LabelMatrix, weights: Floats) -> Floats:
    """Return the average precision of every class, ``(R, C)``; NaN for a class without items.

    Average precision is the mean over a class's items of the precision at their rank. Without
    ties it is scikit-learn's ``average_precision_score``, which with ties takes the precision at
    the end of each tied group instead.

    Args:
        scores: ``(N, C)``.
        truth: ``(N, C)``.
        weights: ``(R, N)`` integers, how often each item counts; copies of one item tie.
    """
    sums = harmonic(int(weights.sum(1).max(initial=0)))
    columns = [
        _precision(scores[:, column], truth[:, column], weights, sums)
        for column in range(scores.shape[1])
    ]
    return np.stack(columns, 1)


def class_mean(values: Floats) -> Floats:
    """Return the mean over the classes that have a value, ``(R, C)`` to ``(R,)``."""
    there = ~np.isnan(values)
    return np.asarray(np.where(there, values, 0).sum(1) / np.maximum(there.sum(1), 1))


def chance_top1_accuracy(truth: LabelMatrix) -> Floats:
    """Return the probability (N,) that a class drawn blindly is a true one."""
    return np.asarray(truth.mean(1))


def majority_top1_accuracy(truth: LabelMatrix) -> float:
    """Return the share of items that have the commonest class."""
    return float(truth.mean(0).max())


def chance_recall_at_k(classes: int, k: int) -> float:
    """Return min(k, C) / C."""
    return min(k, classes) / classes


def majority_recall_at_k(truth: LabelMatrix, k: int) -> float:
    """Return the recall of naming the same k classes for every item, all of which occur."""
    occurring = int(truth.any(0).sum())
    return min(k, occurring) / occurring


def chance_average_precision(items: int, positives: int) -> float:
    """Return the mean average precision of all rankings of n items, p of them positive.

    An item stands at rank i with probability 1 / n; given that it is positive, each of the i - 1
    before it is with probability s = (p - 1) / (n - 1). The mean of (1 + (i - 1) s) / i over the
    ranks is s + (1 - s) H(n) / n, where H(n) = 1 + 1/2 + ... + 1/n.
    """
    share = (positives - 1) / (items - 1) if items > 1 else 0.0
    return share + (1 - share) * float(harmonic(items)[-1]) / items


def _precision(scores: Floats, truth: LabelMatrix, weights: Floats, sums: Floats) -> Floats:
    """Average precision (R,) of one class; each group of equal scores in closed form.

    Let t items tie, q of them positive, after b items with p positives. A positive among them
    stands at rank b + 1 + j, 0 <= j < t, with p + 1 + j s positives so far, s = (q - 1) / (t - 1).
    The sum of (p + 1 + j s) / (b + 1 + j) over j is t s + (p + 1 - s (b + 1)) (H(b + t) - H(b)).
    """
    if not truth.any():
        return np.full(len(weights), np.nan)
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    places = np.flatnonzero(truth[order])
    starts = np.searchsorted(-ordered, -ordered[places], "left")
    ends = np.searchsorted(-ordered, -ordered[places], "right")
    groups = np.flatnonzero(np.concatenate(([True], starts[1:] != starts[:-1])))
    reached = np.zeros((len(weights), len(order) + 1))
    np.cumsum(weights[:, order], axis=1, out=reached[:, 1:])
    before = reached[:, starts[groups]]  # (R, groups that hold a positive)
    tied = reached[:, ends[groups]] - before
    positive = np.add.reduceat(weights[:, order[places]], groups, axis=1)
    earlier = positive.cumsum(1) - positive
    share = (positive - 1) / np.maximum(tied - 1, 1)
    rise = sums[(before + tied).astype(int)] - sums[before.astype(int)]
    rise = np.where(tied == 1, 1 / (before + 1), rise)  # to the last digit where nothing ties
    gained = tied * share + (earlier + 1 - share * (before + 1)) * rise
    gained = np.where(positive > 0, gained * positive / np.maximum(tied, 1), 0)
    total = positive.sum(1)
    return np.where(total > 0, gained.sum(1) / np.maximum(total, 1), np.nan)


def _class_mean(part: Floats, whole: Floats) -> Floats:
    return class_mean(np.where(whole > 0, part / np.maximum(whole, 1), np.nan))
