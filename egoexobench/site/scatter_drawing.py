"""A scatter of the ranks of two runs, as circles of an SVG that stays small."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

SIDE = 200.0
"""Length of both axes in the units of the drawing."""
_BINS_PER_OCTAVE = 3
_MAX_RADIUS = 9.0
_MIN_RADIUS = 1.5


@dataclass(frozen=True, slots=True)
class Circle:
    """Queries whose ranks are nearly the same; the radius grows with the root of their number."""

    x: float
    y: float
    radius: float
    num_queries: int


@dataclass(frozen=True, slots=True)
class AxisTick:
    """A rank, and its distance from rank 1 along an axis."""

    rank: int
    position: float


@dataclass(frozen=True, slots=True)
class ScatterDrawing:
    """Circles on two logarithmic axes; rank 1 is at the left and at the bottom."""

    circles: tuple[Circle, ...]
    ticks: tuple[AxisTick, ...]


def draw_rank_scatter(ranks: Iterable[tuple[float, float]], num_candidates: int) -> ScatterDrawing:
    """Return the ranks of queries in two runs as circles.

    Args:
        ranks: rank in the first and in the second run of each query, from 1.
        num_candidates: the last rank of the axes.

    >>> drawing = draw_rank_scatter([(1, 1), (1, 1), (8, 1)], 8)
    >>> [(circle.x, circle.y, circle.num_queries) for circle in drawing.circles]
    [(0.0, 0.0, 2), (200.0, 0.0, 1)]
    >>> [tick.rank for tick in drawing.ticks]
    [1, 2, 5, 8]
    """
    bins = Counter((_find_bin(first), _find_bin(second)) for first, second in ranks)
    span = max(math.log2(num_candidates) * _BINS_PER_OCTAVE, 1.0)
    largest = max(bins.values(), default=1)
    circles = tuple(
        Circle(
            x=round(SIDE * min(first / span, 1.0), 1),
            y=round(SIDE * min(second / span, 1.0), 1),
            radius=round(max(_MAX_RADIUS * math.sqrt(count / largest), _MIN_RADIUS), 1),
            num_queries=count,
        )
        for (first, second), count in sorted(bins.items())
    )
    ticks = tuple(
        AxisTick(rank, round(SIDE * math.log2(rank) * _BINS_PER_OCTAVE / span, 1))
        for rank in _list_tick_ranks(num_candidates)
    )
    return ScatterDrawing(circles, ticks)


def _find_bin(rank: float) -> int:
    return round(math.log2(rank) * _BINS_PER_OCTAVE)


def _list_tick_ranks(last: int) -> list[int]:
    """Return 1, 2, 5, 10 and so on, and the last rank, without those that are close to it."""
    steps = [factor * 10**power for power in range(7) for factor in (1, 2, 5)]
    return [*(rank for rank in steps if rank * 1.5 < last), max(last, 1)]
