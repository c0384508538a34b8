"""Curves as positions for an SVG of `WIDTH` by `HEIGHT`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 220.0, 90.0


@dataclass(frozen=True, slots=True)
class AxisLabel:
    """A text at a position of an axis."""

    position: float
    text: str


@dataclass(frozen=True, slots=True)
class LineDrawing:
    """A curve with labels at its axes.

    Attributes:
        title: what the curve shows.
        summary: the same in words, for those who do not see it.
        points: of the curve, as SVG writes them.
        reference: points of a second curve, such as chance; empty without one.
        mark: horizontal position of a vertical line; None without one.
        x_labels: at the horizontal axis.
        y_labels: at the vertical axis.
    """

    title: str
    summary: str
    points: str
    reference: str = ""
    mark: float | None = None
    x_labels: tuple[AxisLabel, ...] = ()
    y_labels: tuple[AxisLabel, ...] = ()


def draw_epochs(title: str, values: Sequence[float], best_epoch: int | None) -> LineDrawing:
    """Return the curve of a value of each epoch, from 1.

    Args:
        title: what the value is.
        values: of each epoch, at least one.
        best_epoch: epoch whose weights were scored, which gets a mark.
    """
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = WIDTH / max(1, len(values) - 1)
    points = [(index * step, HEIGHT * (high - value) / span) for index, value in enumerate(values)]
    marked = f", epoch {best_epoch} was scored" if best_epoch else ""
    return LineDrawing(
        title=title,
        summary=f"{title}: from {values[0]:.4g} in epoch 1 to {values[-1]:.4g} in epoch "
        f"{len(values)}{marked}",
        points=_format_points(points),
        mark=(best_epoch - 1) * step if best_epoch else None,
        x_labels=(AxisLabel(0, "1"), AxisLabel((len(values) - 1) * step, str(len(values)))),
        y_labels=(AxisLabel(0, f"{high:.3g}"), AxisLabel(HEIGHT, f"{low:.3g}")),
    )


def draw_cumulative_matches(title: str, shares: Sequence[tuple[int, float, float]]) -> LineDrawing:
    """Return the share of queries whose right answer is among the first k, by k.

    Args:
        title: what was ranked.
        shares: k, the share and that of a random order, from 0 to 1; k from 1, rising.
    """
    last = shares[-1][0]
    log_last = math.log(last) or 1.0
    curve, chance = (
        [(WIDTH * math.log(item[0]) / log_last, HEIGHT * (1 - item[column])) for item in shares]
        for column in (1, 2)
    )
    listed = [item for item in shares if item[0] in (1, 5, 10, 100)]
    summary = ", ".join(f"{100 * share:.1f} % among the first {k}" for k, share, _ in listed)
    ticks = [k for k in (1, 10, 100, 1000, 10_000) if k < 0.6 * last] + [last]
    return LineDrawing(
        title=title,
        summary=f"{title}: {summary}",
        points=_format_points(curve),
        reference=_format_points(chance),
        x_labels=tuple(AxisLabel(WIDTH * math.log(k) / log_last, str(k)) for k in ticks),
        y_labels=(AxisLabel(0, "100 %"), AxisLabel(HEIGHT, "0")),
    )


def _format_points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
