"""Counts of values by interval, as rows of a table with bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

NUM_BINS = 8


class HistogramBin(NamedTuple):
    """How many values are in an interval, and their share of the largest bin in percent."""

    label: str
    num_values: int
    percent: float


def count_by_interval(values: Sequence[float], unit: str) -> list[HistogramBin]:
    """Return the counts of at most `NUM_BINS` + 1 intervals of a round width.

    >>> rows = count_by_interval([1.0, 1.2, 3.9], "s")
    >>> [row.num_values for row in rows], rows[0].label
    ([2, 0, 0, 0, 0, 1], '1 to 1.5 s')
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return []
    width = _round_up((max(finite) - min(finite)) / NUM_BINS)
    first = math.floor(min(finite) / width)
    counts = [0] * (math.floor(max(finite) / width) - first + 1)
    for value in finite:
        counts[math.floor(value / width) - first] += 1
    return [
        HistogramBin(
            f"{(first + index) * width:.4g} to {(first + index + 1) * width:.4g} {unit}",
            count,
            round(100 * count / max(counts), 1),
        )
        for index, count in enumerate(counts)
    ]


def _round_up(width: float) -> float:
    """Return 1, 2 or 5 times a power of ten that is at least this width."""
    if width <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= width * 0.999)
