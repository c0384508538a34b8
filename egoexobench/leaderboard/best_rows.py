"""Finds which rows of a column cannot be told from the best one, by paired tests.

Every row that was scored on the same queries as the best one is compared with it query by query,
in the mean over seeds: a sign-flip test over clusters, corrected by Holm over the column. Intervals
are not compared: two of them can overlap although the difference is certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

from egoexobench.evaluation.intervals import sign_flip_test
from egoexobench.evaluation.significance import ALPHA, holm_correction
from egoexobench.leaderboard.query_values import QueryValues

Standing = Literal["best", "level", "below", "untested"]
"""``level``: cannot be told from the best row; ``below``: worse than it; ``untested``: it has no
values of the same queries."""
RESAMPLES = 4_000


def find_standings(
    scores: Sequence[float], values: Sequence[QueryValues | None]
) -> list[Standing | None]:
    """Return how each row of a column stands to the best one; None if nothing can be tested.

    Args:
        scores: of each row; a higher one is better.
        values: of every query of each row, or None.

    >>> clusters = tuple("abcdefgh")
    >>> rows = [QueryValues(np.full((1, 8), level), clusters, ("q",)) for level in (1.0, 0.0)]
    >>> find_standings([1.0, 0.0], rows)
    ['best', 'below']
    """
    best = max(range(len(scores)), key=lambda index: scores[index])
    first = values[best]
    if first is None:
        return [None] * len(scores)
    tested = [
        (index, item)
        for index, item in enumerate(values)
        if index != best and item and item.track_hashes == first.track_hashes
    ]
    if not tested:
        return [None] * len(scores)
    ps = holm_correction([_test_difference(first, item) for _, item in tested])
    standings: list[Standing | None] = ["untested"] * len(scores)
    standings[best] = "best"
    for (index, _), p in zip(tested, ps, strict=True):
        standings[index] = "below" if p < ALPHA else "level"
    return standings


def _test_difference(first: QueryValues, other: QueryValues) -> float:
    differences = first.values.mean(0) - other.values.mean(0)
    return _compute_p(tuple(differences.tolist()), first.clusters)


@lru_cache(maxsize=8192)
def _compute_p(differences: tuple[float, ...], clusters: tuple[str, ...]) -> float:
    """The p-value; columns are shown in several tables."""
    rng = np.random.default_rng(0)
    return sign_flip_test(np.array(differences), clusters, rng=rng, resamples=RESAMPLES)
