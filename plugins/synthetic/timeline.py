"""One view of a script acted out: when each event happens, and what is seen and heard of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.types import View
from egoexobench_plugins.synthetic.script import EVENTS, Event, Script

if TYPE_CHECKING:
    from numpy.random import Generator

WARP = 0.5
"""Spread of the logarithm of an actor's own lengths at sync=0."""


@dataclass(frozen=True, slots=True)
class Act:
    """An event in time: from ``start`` to ``end`` in s."""

    event: Event
    start: float
    end: float
    seen: bool
    heard: bool


@dataclass(frozen=True, slots=True)
class Performance:
    """What the camera and the microphone of one view are in front of."""

    view: View
    scene: str
    acts: tuple[Act, ...]


def perform(script: Script, view: View, rng: Generator, seconds: float, sync: float) -> Performance:
    """Act the script out once, at the actor's own tempo; it always fills the whole clip."""
    own = rng.lognormal(0, WARP * (1 - sync), 2 * EVENTS + 1)
    ends = np.cumsum(np.array(script.tempo) * own)
    ends *= seconds / ends[-1]
    acts = tuple(
        Act(
            event=script.events[i],
            start=float(ends[2 * i]),
            end=float(ends[2 * i + 1]),
            seen=view in script.seen[i],
            heard=script.heard[i],
        )
        for i in range(EVENTS)
    )
    return Performance(view, script.scene, acts)
