"""Intervals and bars on the scale of a column, as positions for the SVG of a cell."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

WIDTH = 100.0
"""Length of a scale in the units of its drawing."""


@dataclass(frozen=True, slots=True)
class ColumnScale:
    """Maps the values of a column to positions from 0 to `WIDTH`."""

    low: float
    high: float

    def locate(self, value: float) -> float:
        """Return the position of a value; one outside of the scale is at its end."""
        clipped = min(max(value, self.low), self.high)
        return round(WIDTH * (clipped - self.low) / (self.high - self.low), 1)


def make_column_scale(
    values: Iterable[float], chance: float | None = None, *, is_unbounded: bool = False
) -> ColumnScale | None:
    """Return the scale from chance, or the lowest value, to the highest one; None for no value.

    Args:
        values: every value and every end of an interval.
        chance: level of chance.
        is_unbounded: values are ranks, which chance may be far above: it is not on the scale.

    >>> make_column_scale([20.0, 60.0], chance=10.0)
    ColumnScale(low=10.0, high=60.0)
    >>> make_column_scale([2.0, 9.0], chance=128.0, is_unbounded=True)
    ColumnScale(low=2.0, high=9.0)
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    bounds = [*finite, chance] if chance is not None and not is_unbounded else finite
    low, high = min(bounds), max(bounds)
    return ColumnScale(low, high) if high > low else ColumnScale(low - 0.5, high + 0.5)


@dataclass(frozen=True, slots=True)
class IntervalDrawing:
    """Positions of a value, of its interval and of chance; None for what is absent."""

    value: float
    low: float | None
    high: float | None
    chance: float | None


def draw_interval(
    scale: ColumnScale,
    value: float,
    *,
    low: float | None,
    high: float | None,
    chance: float | None,
) -> IntervalDrawing:
    """Return where a cell's value, interval and chance are on the scale of its column."""
    is_chance_visible = chance is not None and scale.low <= chance <= scale.high
    return IntervalDrawing(
        value=scale.locate(value),
        low=None if low is None else scale.locate(low),
        high=None if high is None else scale.locate(high),
        chance=scale.locate(chance) if chance is not None and is_chance_visible else None,
    )
