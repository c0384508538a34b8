"""Narrations: what one view shows, and what both show together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from egoexobench.types import View
from egoexobench_plugins.synthetic.script import Event, Script
from egoexobench_plugins.synthetic.vocabulary import SCENES, VERBS

if TYPE_CHECKING:
    from numpy.random import Generator


def narrate(script: Script, view: View, rng: Generator) -> str:
    """What this view shows, in order; the first person says nothing of the room."""
    seen = [event for event, views in zip(script.events, script.seen, strict=True) if view in views]
    subject = "C" if view == "ego" else _somebody(script)
    return f"{subject} {_deeds(seen, rng)}."


def narrate_pair(script: Script, rng: Generator) -> str:
    """Everything that happens, and where."""
    return f"{_somebody(script)} {_deeds(script.events, rng)}."


def _somebody(script: Script) -> str:
    place = SCENES[script.scene]
    return f"{place[0].upper()}{place[1:]} a person"


def _deeds(events: Iterable[Event], rng: Generator) -> str:
    return ", then ".join(f"{rng.choice(VERBS[event.verb])} the {event.noun}" for event in events)
