"""The timeline of one view: when each event happens, and whether one can see and hear it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.types import View
from egoexobench_plugins.synthetic.script import NUM_EVENTS, Event, Script

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from egoexobench_plugins.synthetic.config import SyntheticConfig

TEMPO_SPREAD = 0.5
"""Standard deviation of the logarithm of the lengths that a view draws for itself, at sync=0."""


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event from ``start`` to ``end``, s."""

    event: Event
    start: float
    end: float
    visible: bool
    audible: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the camera and the microphone of one view record."""

    view: View
    scene: str
    events: tuple[TimedEvent, ...]


def schedule_events(
    script: Script, view: View, rng: Generator, *, seconds: float, sync: float
) -> Timeline:
    """Return the timeline of one view, with its own timing; it fills the clip of ``seconds``."""
    own_lengths = rng.lognormal(0, TEMPO_SPREAD * (1 - sync), 2 * NUM_EVENTS + 1)
    ends = np.cumsum(np.array(script.tempo) * own_lengths)
    ends *= seconds / ends[-1]
    events = tuple(
        TimedEvent(
            event=script.events[i],
            start=float(ends[2 * i]),
            end=float(ends[2 * i + 1]),
            visible=view in script.visible_in[i],
            audible=script.audible[i],
        )
        for i in range(NUM_EVENTS)
    )
    return Timeline(view, script.scene, events)


def compute_frame_centers(config: SyntheticConfig) -> NDArray[np.float64]:
    """Return the time ``(F,)`` in the middle of each frame, s; the frame shows this instant."""
    centers: NDArray[np.float64] = (
        np.arange(round(config.seconds * config.fps)) + 0.5
    ) / config.fps
    return centers


def select_frames(event: TimedEvent, centers: NDArray[np.float64]) -> slice:
    """Return the frames during which an event happens."""
    first, end = np.searchsorted(centers, (event.start, event.end)).tolist()
    return slice(first, end)
