"""Finds which rows of a column cannot be told from the best one, by paired tests.

Every row that was scored on the same queries as the best one is compared with it query by query,
in the mean over seeds: a sign-flip test over clusters, and, where a row has several seeds, a test
that also holds for other seeds. The larger p counts, corrected by Holm over the column. Intervals
are not compared: two of them can overlap although the difference is certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

from egoexobench.evaluation.intervals import shared_sign_flip_test
from egoexobench.evaluation.significance import ALPHA, holm_correction, seed_difference_test
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
    ps = holm_correction(_test_differences(first, [item for _, item in tested]))
    standings: list[Standing | None] = ["untested"] * len(scores)
    standings[best] = "best"
    for (index, _), p in zip(tested, ps, strict=True):
        standings[index] = "below" if p < ALPHA else "level"
    return standings


def _test_differences(first: QueryValues, others: Sequence[QueryValues]) -> list[float]:
    means = first.values.mean(0)
    differences = np.stack([means - item.values.mean(0) for item in others])
    ps = _compute_ps(differences.tobytes(), len(others), first.clusters)
    return [max(p, _test_seeds(first, item)) for p, item in zip(ps, others, strict=True)]


def _test_seeds(first: QueryValues, other: QueryValues) -> float:
    """The p-value over other seeds; 0 if each row has one, which says nothing of others."""
    if len(first.values) == len(other.values) == 1:
        return 0.0
    return seed_difference_test(first.values, other.values, first.clusters)


@lru_cache(maxsize=1024)
def _compute_ps(differences: bytes, num_tests: int, clusters: tuple[str, ...]) -> list[float]:
    """The p-values of a column; it is shown in several tables."""
    rows = np.frombuffer(differences).reshape(num_tests, -1)
    resamples = max(RESAMPLES, 40 * num_tests)  # so that Holm's correction can leave 2.5 %
    ps: list[float] = shared_sign_flip_test(
        rows, clusters, rng=np.random.default_rng(0), resamples=resamples
    ).tolist()
    return ps
