"""How motions look: look twins share one."""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Gesture:
    """The path of an object, and where the hands and a dull prop are.

    Lengths are in reaches of the hands, x to the right and y down, from where the hands rest.
    """

    rest: Point
    swing: Point
    turns: float
    """Swings in one event."""
    hands: tuple[Point, ...]
    prop: tuple[float, float, float, float] | None = None
    """Centre and half sizes of a bar."""
    follows: bool = True
    """Whether the hands go with the object."""


GESTURES = {
    "reach": Gesture((0.1, 0.4), (0.15, 0.3), 0.5, ((0.6, 0.55),)),
    "lift": Gesture(
        (0.0, 0.45), (0, 0.03), 1, ((-0.4, -0.65), (0.4, -0.65)), (0, -0.55, 0.6, 0.09), False
    ),
    "tilt": Gesture((-0.45, -0.4), (0.08, 0.08), 1, ((-0.5, -0.3),), (0.5, 0.65, 0.35, 0.25)),
    "twist": Gesture((0, 0), (0.05, 0), 3, ((-0.65, 0.1), (0.65, 0.1))),
    "poke": Gesture((0, 0.6), (0, 0.04), 2, ((0, -0.5),), (0, 1, 0.8, 0.12)),
    "circle": Gesture((-0.1, 0), (0.4, 0.4), 2, ((0.5, -0.5),), (0, 0.9, 0.6, 0.1)),
    "stroke": Gesture((-0.55, 0.4), (0, 0.03), 1, ((0.55, -0.6),), (0.45, 0.1, 0.08, 0.6), False),
    "slide": Gesture((0, 0.3), (0.8, 0), 0.5, ((0, 0.55), (0, -0.5))),
    "jolt": Gesture((0.1, -0.5), (0.3, 0.3), 4, ((0, 0.55), (-0.5, 0))),
    "still": Gesture((0, -0.1), (0, 0), 0, ((-0.55, 0.55), (0.55, 0.55))),
}
"""Motions to gestures."""
