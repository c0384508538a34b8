"""Multi-instance retrieval with graded relevance: mAP and nDCG of EPIC-KITCHENS-100.

A candidate of relevance 1 is a hit. The precision at a hit is the sum of all relevance up to its
rank, that of candidates that are no hits included, over the rank; average precision (AP) is its
mean over the hits. nDCG discounts relevance by ``log2(rank + 1)`` and counts as many ranks as there
are candidates of any relevance (rule of the challenge of EPIC-KITCHENS-100, as in
facebookresearch/LaViLa 8002b5a and showlab/EgoVLP 928406c).

Candidates that tie have no order: each value is its exact mean over all of them. Chance is the same
with all candidates tied.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.metrics import harmonic_sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class GradedValues:
    """Both metrics of each query from 0 to 1, and their mean over random orders, ``(N,)`` each."""

    average_precision: Floats
    ndcg: Floats
    chance_average_precision: Floats
    chance_ndcg: Floats

    def select(self, indices: Sequence[int]) -> GradedValues:
        """Return the values of some queries."""
        rows = np.asarray(indices, dtype=np.int64)
        return GradedValues(*(getattr(self, item.name)[rows] for item in fields(self)))


def join_graded_values(parts: Sequence[GradedValues]) -> GradedValues:
    """Return the values of several tasks, one after the other."""
    names = [item.name for item in fields(GradedValues)]
    return GradedValues(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def compute_graded_values(
    scores: Floats, relevance: Floats, *, margins: Floats | float = 0.0
) -> GradedValues:
    """Return both metrics of each row of scores ``(N, K)``; a row without a hit has AP 0.

    Args:
        scores: of each candidate, a larger one for a candidate that fits better.
        relevance: of each candidate from 0 to 1, ``(N, K)``; each row has one above 0.
        margins: how far apart the scores of neighbors in the order may be that tie, ``(N, K)`` or
            one number; of two candidates, the larger one counts.

    >>> relevance = np.array([[1.0, 0.5, 0.0]])
    >>> values = compute_graded_values(np.array([[1.0, 2.0, 0.0]]), relevance)
    >>> values.average_precision, values.ndcg.round(3)
    (array([0.75]), array([0.86]))
    >>> tied = compute_graded_values(np.zeros((1, 3)), relevance)
    >>> bool(tied.average_precision == tied.chance_average_precision)
    True
    """
    scores, relevance = np.asarray(scores, float), np.asarray(relevance, float)
    order = np.argsort(-scores, axis=1)
    ordered = np.take_along_axis(scores, order, 1)
    widths = np.take_along_axis(np.broadcast_to(np.asarray(margins), scores.shape), order, 1)
    is_first = np.ones(scores.shape, dtype=bool)
    is_first[:, 1:] = ordered[:, :-1] - ordered[:, 1:] > np.maximum(widths[:, :-1], widths[:, 1:])
    discounts = _make_discounts(relevance)
    sorted_relevance = np.take_along_axis(relevance, order, 1)
    return GradedValues(
        *_measure_groups(sorted_relevance, is_first, discounts),
        *_measure_chance(relevance, discounts),
    )


def compute_graded_chance(relevance: Floats) -> tuple[Floats, Floats]:
    """Return the mean of both metrics over random orders, ``(N,)`` each, of ``(N, K)``."""
    relevance = np.asarray(relevance, float)
    return _measure_chance(relevance, _make_discounts(relevance))


@dataclass(frozen=True, slots=True)
class _Discounts:
    """The discounts of nDCG of some rows.

    ``sums (K + 1,)`` are those of the first ``1 / log2(rank + 1)``; ``num_counted (N,)`` is how
    many ranks of a row count, and ``best (N,)`` its largest gain.
    """

    sums: Floats
    num_counted: NDArray[np.int64]
    best: Floats


def _make_discounts(relevance: Floats) -> _Discounts:
    discounts = 1 / np.log2(np.arange(2, relevance.shape[1] + 2))
    ideal = -np.sort(-relevance, axis=1)
    return _Discounts(
        sums=np.concatenate(([0.0], np.cumsum(discounts))),
        num_counted=(relevance > 0).sum(1),
        best=(ideal * discounts).sum(1),
    )


def _measure_groups(
    relevance: Floats, is_first: NDArray[np.bool_], discounts: _Discounts
) -> tuple[Floats, Floats]:
    """Return AP and nDCG of rows whose candidates tie in groups.

    Of a group of m with h hits and the relevance S, behind s candidates with the relevance G, the
    candidate at place j is a hit with probability h / m, and then the others before it have
    (j - 1)(S - 1) / (m - 1) on average, so that its precision is (G + 1 + that) / (s + j).

    Args:
        relevance: in the order of the scores, ``(N, K)``.
        is_first: whether a group starts here, ``(N, K)``; True in the first column.
        discounts: of the rows.
    """
    num_rows, size = relevance.shape
    starts = np.flatnonzero(is_first)
    rows, before = np.divmod(starts, size)
    sizes = np.diff(np.append(starts, num_rows * size))
    gains = np.add.reduceat(relevance.ravel(), starts)
    hits = np.add.reduceat((relevance == 1).ravel().astype(float), starts)
    earlier = (np.cumsum(relevance, axis=1) - relevance).ravel()[starts]
    precision = _sum_precision(hits, gains, sizes, before=before, earlier=earlier)
    num_hits = np.bincount(rows, hits, num_rows)
    average = np.bincount(rows, precision, num_rows) / np.maximum(num_hits, 1)
    counted = discounts.num_counted[rows]
    last = np.minimum(before + sizes, counted)
    weights = discounts.sums[last] - discounts.sums[np.minimum(before, counted)]
    reached = np.bincount(rows, gains / sizes * weights, num_rows)
    return average, reached / discounts.best


def _measure_chance(relevance: Floats, discounts: _Discounts) -> tuple[Floats, Floats]:
    """Return AP and nDCG of rows whose candidates all tie."""
    num_rows, size = relevance.shape
    gains, hits = relevance.sum(1), (relevance == 1).sum(1).astype(float)
    none = np.zeros(num_rows, dtype=np.int64)
    sizes = np.full(num_rows, size)
    precision = _sum_precision(hits, gains, sizes, before=none, earlier=none.astype(float))
    reached = gains / size * discounts.sums[discounts.num_counted]
    return precision / np.maximum(hits, 1), reached / discounts.best


def _sum_precision(
    hits: Floats,
    gains: Floats,
    sizes: NDArray[np.int64],
    *,
    before: NDArray[np.int64],
    earlier: Floats,
) -> Floats:
    """Return the sum of the precision at the hits of each group, in the mean over its orders."""
    slopes = np.where(sizes > 1, (gains - 1) / np.maximum(sizes - 1, 1), 0.0)
    last = before + sizes
    sums = harmonic_sums(int(last.max(initial=0)))
    precision = (earlier + 1 - slopes * (before + 1)) * (sums[last] - sums[before])
    return np.asarray(hits / sizes * (precision + slopes * sizes))
