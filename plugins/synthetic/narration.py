"""Narrations: what one view shows, and what both views show together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from egoexobench.types import View
from egoexobench_plugins.synthetic.script import Event, Script
from egoexobench_plugins.synthetic.vocabulary import SCENES, VERBS

if TYPE_CHECKING:
    from numpy.random import Generator


def narrate_view(script: Script, view: View, rng: Generator) -> str:
    """Return the events that this view shows, in order; the ego narration never names the scene."""
    events = [
        event
        for event, views in zip(script.events, script.visible_in, strict=True)
        if view in views
    ]
    subject = "C" if view == "ego" else _name_subject(script)
    return f"{subject} {_describe_events(events, rng)}."


def narrate_pair(script: Script, rng: Generator) -> str:
    """Return all events and the scene."""
    return f"{_name_subject(script)} {_describe_events(script.events, rng)}."


def _name_subject(script: Script) -> str:
    phrase = SCENES[script.scene]
    return f"{phrase[0].upper()}{phrase[1:]} a person"


def _describe_events(events: Iterable[Event], rng: Generator) -> str:
    return ", then ".join(f"{rng.choice(VERBS[event.verb])} the {event.noun}" for event in events)
