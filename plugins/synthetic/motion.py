"""How motions look; look twins share one."""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class HandMotion:
    """The path of an object, and the positions of the hands and of a gray prop.

    The unit of length is the reach of the hands; x points to the right, y down, and the origin is
    where the hands rest.
    """

    rest: Point
    amplitude: Point
    num_cycles: float
    """Cycles in one event."""
    hands: tuple[Point, ...]
    prop: tuple[float, float, float, float] | None = None
    """Center and half sizes of a bar."""
    hands_follow: bool = True
    """Whether the hands move with the object."""


HAND_MOTIONS = {
    "reach": HandMotion(
        rest=(0.1, 0.4), amplitude=(0.15, 0.3), num_cycles=0.5, hands=((0.6, 0.55),)
    ),
    "lift": HandMotion(
        rest=(0.0, 0.45),
        amplitude=(0, 0.03),
        num_cycles=1,
        hands=((-0.4, -0.65), (0.4, -0.65)),
        prop=(0, -0.55, 0.6, 0.09),
        hands_follow=False,
    ),
    "tilt": HandMotion(
        rest=(-0.45, -0.4),
        amplitude=(0.08, 0.08),
        num_cycles=1,
        hands=((-0.5, -0.3),),
        prop=(0.5, 0.65, 0.35, 0.25),
    ),
    "twist": HandMotion(
        rest=(0, 0), amplitude=(0.05, 0), num_cycles=3, hands=((-0.65, 0.1), (0.65, 0.1))
    ),
    "poke": HandMotion(
        rest=(0, 0.6),
        amplitude=(0, 0.04),
        num_cycles=2,
        hands=((0, -0.5),),
        prop=(0, 1, 0.8, 0.12),
    ),
    "circle": HandMotion(
        rest=(-0.1, 0),
        amplitude=(0.4, 0.4),
        num_cycles=2,
        hands=((0.5, -0.5),),
        prop=(0, 0.9, 0.6, 0.1),
    ),
    "stroke": HandMotion(
        rest=(-0.55, 0.4),
        amplitude=(0, 0.03),
        num_cycles=1,
        hands=((0.55, -0.6),),
        prop=(0.45, 0.1, 0.08, 0.6),
        hands_follow=False,
    ),
    "slide": HandMotion(
        rest=(0, 0.3), amplitude=(0.8, 0), num_cycles=0.5, hands=((0, 0.55), (0, -0.5))
    ),
    "jolt": HandMotion(
        rest=(0.1, -0.5), amplitude=(0.3, 0.3), num_cycles=4, hands=((0, 0.55), (-0.5, 0))
    ),
    "still": HandMotion(
        rest=(0, -0.1), amplitude=(0, 0), num_cycles=0, hands=((-0.55, 0.55), (0.55, 0.55))
    ),
}
"""Hand motion by the name of the motion."""
