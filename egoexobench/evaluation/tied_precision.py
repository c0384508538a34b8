"""Average precision among the first k items of a ranking, and its mean over the orders of ties.

It is divided by the relevant items among those k, and 0 where there is none: AE2's frame retrieval
(Xue and Grauman, NeurIPS 2023; zihuixue/AlignEgoExo e73d055). So a random order is far from 0.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import NDArray

from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.metrics import harmonic_sums

TiedGroups = tuple[tuple[int, int], ...]
"""Groups of items that tie, the best first: the size of each, and how many are relevant."""


def compute_precision_at_k(hits: NDArray[np.bool_], k: int) -> Floats:
    """Return the average precision of the first k items of rankings without ties, ``(Q,)``.

    Args:
        hits: whether each item is relevant, the best first, ``(Q, K)``; False beyond the last.
        k: how many count.

    >>> compute_precision_at_k(np.array([[True, False, True], [False, False, True]]), k=2)
    array([1., 0.])
    """
    first = hits[:, :k]
    precision = first.cumsum(1) / np.arange(1, first.shape[1] + 1)
    return np.asarray((precision * first).sum(1) / np.maximum(first.sum(1), 1))


@lru_cache(maxsize=2**16)
def compute_tied_precision(groups: TiedGroups, k: int) -> float:
    """Return the exact mean of the average precision of the first k items over orders of ties.

    Let a group of t items, q of them relevant, follow b items with p relevant. Each of its items
    is relevant with probability q / t, and any other item of it then with s = (q - 1) / (t - 1).
    The sum of precisions at its relevant items has the mean q / t times the sum of
    (p + 1 + j s) / (b + 1 + j) over j < t. A group that the first k cut is one of the k - b items
    that are drawn from it, of which a hypergeometric number is relevant.

    >>> compute_tied_precision(((1, 1), (2, 1)), k=3)
    0.9166666666666667
    >>> round(compute_tied_precision(((1000, 500),), k=10), 2)  # a random order
    0.61
    """
    num_before = num_hits = 0
    total = 0.0
    for size, relevant in groups:
        num_left = min(size, k - num_before)
        if num_left < size:
            return _compute_cut_precision((num_before, num_hits, total), size, relevant, num_left)
        total += _sum_precisions(num_before, num_hits, size, relevant)
        num_before, num_hits = num_before + size, num_hits + relevant
    return total / max(num_hits, 1)


def _compute_cut_precision(
    before: tuple[int, int, float], size: int, relevant: int, num_drawn: int
) -> float:
    """Mean over how many of the drawn items of a group are relevant."""
    num_before, num_hits, total = before
    value = 0.0
    for drawn in range(max(0, num_drawn - size + relevant), min(num_drawn, relevant) + 1):
        ways = comb(relevant, drawn) * comb(size - relevant, num_drawn - drawn)
        precisions = total + _sum_precisions(num_before, num_hits, num_drawn, drawn)
        value += ways / comb(size, num_drawn) * precisions / max(num_hits + drawn, 1)
    return value


def _sum_precisions(num_before: int, num_hits: int, size: int, relevant: int) -> float:
    """Mean of the sum of the precisions at the relevant items of a complete group."""
    if not relevant:
        return 0.0
    share = (relevant - 1) / (size - 1) if size > 1 else 0.0
    sums = harmonic_sums(num_before + size)
    rise = float(sums[num_before + size] - sums[num_before])
    return relevant / size * (size * share + (num_hits + 1 - share * (num_before + 1)) * rise)
