"""Shooting scripts: what happens, in families of four that one sense alone cannot tell apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from egoexobench.types import SPLITS, Split, View
from egoexobench_plugins.synthetic.config import FAMILY, Dials
from egoexobench_plugins.synthetic.vocabulary import (
    LOOK_TWIN,
    MATERIAL,
    MATERIALS,
    MOTION,
    MOTIONS,
    SCENES,
    SOUND_TWIN,
)

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Odds = NDArray[np.float64]

EVENTS = 4
"""Events of every script: a constant, so that their number tells nothing."""
LIKED = 3
"""Motions, and materials, that a scene prefers."""
LIKING = 4.0
"""How much likelier a preferred motion or material is."""

Role = Literal["script", "ego", "exo", "ego-text", "exo-text", "pair-text"]
_ROLES: tuple[Role, ...] = ("script", "ego", "exo", "ego-text", "exo-text", "pair-text")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a person does."""

    verb: str
    noun: str


@dataclass(frozen=True, slots=True)
class Script:
    """What one pair shows.

    A family shares all but the words of its events: even when they happen, and which are seen
    and heard, or those would tell twins apart.
    """

    split: Split
    family: int
    member: int
    scene: str
    events: tuple[Event, ...]
    seen: tuple[frozenset[View], ...]
    """The views that each event is visible in; at least one."""
    heard: tuple[bool, ...]
    tempo: tuple[float, ...]
    """Relative lengths of pause, event, pause, ..., event, pause."""


def generator(seed: int, split: Split, family: int, member: int, role: Role) -> Generator:
    """Return the randomness of one role, independent of how many pairs there are."""
    key = [seed, SPLITS.index(split), family, member, _ROLES.index(role)]
    return np.random.default_rng(key)


def scripts(dials: Dials) -> dict[Split, list[Script]]:
    """Write every script, family after family; no two families share scene, motions and nouns."""
    tastes = _tastes(dials.seed)
    taken: set[tuple[object, ...]] = set()
    written: dict[Split, list[Script]] = {split: [] for split in SPLITS}
    for split in ("test", "val", "train"):
        for family in range(dials.pairs[split] // FAMILY):
            rng = generator(dials.seed, split, family, 0, "script")
            first = _draw(rng, split, family, dials, tastes)
            while _key(first) in taken:
                first = _draw(rng, split, family, dials, tastes)
            taken.add(_key(first))
            written[split] += [_member(first, member) for member in range(FAMILY)]
    return written


def _tastes(seed: int) -> dict[str, tuple[Odds, Odds]]:
    """Each scene's odds of motions and of materials."""
    rng = np.random.default_rng([seed, len(SPLITS)])
    return {scene: (_odds(rng, len(MOTIONS)), _odds(rng, len(MATERIALS))) for scene in SCENES}


def _odds(rng: Generator, count: int) -> Odds:
    odds = np.ones(count)
    odds[rng.choice(count, LIKED, replace=False)] = LIKING
    shares: Odds = odds / odds.sum()
    return shares


def _draw(
    rng: Generator,
    split: Split,
    family: int,
    dials: Dials,
    tastes: dict[str, tuple[Odds, Odds]],
) -> Script:
    scene = list(SCENES)[rng.integers(len(SCENES))]
    # motions and materials do not repeat, so that a swap never gives the same set of words back
    motions = rng.choice(list(MOTIONS), EVENTS, replace=False, p=tastes[scene][0])
    materials = rng.choice(list(MATERIALS), EVENTS, replace=False, p=tastes[scene][1])
    events = tuple(
        Event(str(rng.choice(MOTIONS[motion])), str(rng.choice(MATERIALS[material])))
        for motion, material in zip(motions, materials, strict=True)
    )
    return Script(
        split=split,
        family=family,
        member=0,
        scene=scene,
        events=events,
        seen=_seen(rng, dials.overlap),
        heard=_heard(rng, dials.sound),
        tempo=tuple(_tempo(rng)),
    )


def _seen(rng: Generator, overlap: float) -> tuple[frozenset[View], ...]:
    both = _round(rng, overlap * EVENTS)
    ego = _round(rng, (EVENTS - both) / 2)
    views: list[tuple[View, ...]] = []
    views += [("ego", "exo")] * both
    views += [("ego",)] * ego
    views += [("exo",)] * (EVENTS - both - ego)
    return tuple(frozenset(views[i]) for i in rng.permutation(EVENTS))


def _heard(rng: Generator, share: float) -> tuple[bool, ...]:
    count = _round(rng, share * EVENTS)
    return tuple(bool(rank < count) for rank in rng.permutation(EVENTS))


def _round(rng: Generator, value: float) -> int:
    """Round up with the probability of the fraction, so that the mean is kept."""
    return int(value + rng.random())


def _tempo(rng: Generator) -> list[float]:
    lengths = np.where(np.arange(2 * EVENTS + 1) % 2, 1.0, 0.15)
    return [float(length) for length in lengths * rng.lognormal(0, 0.15, len(lengths))]


def _key(script: Script) -> tuple[object, ...]:
    events = tuple((MOTION[event.verb], MATERIAL[event.noun]) for event in script.events)
    return script.scene, events


def _member(first: Script, member: int) -> Script:
    events = first.events
    if member & 1:
        events = tuple(Event(e.verb, SOUND_TWIN[e.noun]) for e in events)
    if member & 2:
        events = tuple(Event(LOOK_TWIN[e.verb], e.noun) for e in events)
    return replace(first, member=member, events=events)
