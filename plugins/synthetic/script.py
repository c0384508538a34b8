"""Scripts: what happens in a pair, in families of four that one modality cannot tell apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from egoexobench.types import SPLITS, Split, View
from egoexobench_plugins.synthetic.config import FAMILY_SIZE, SyntheticConfig
from egoexobench_plugins.synthetic.vocabulary import (
    LOOK_TWIN,
    MATERIAL_OF_NOUN,
    MATERIALS,
    MOTION_OF_VERB,
    MOTIONS,
    SCENES,
    SOUND_TWIN,
)

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Probabilities = NDArray[np.float64]

NUM_EVENTS = 4
"""Events of every script; a constant, so that the number of events is no cue."""
NUM_PREFERRED = 3
"""Motions, and materials, that a scene prefers."""
PREFERENCE = 4.0
"""How many times more probable a preferred motion or material is."""

Role = Literal["script", "ego", "exo", "ego-text", "exo-text", "pair-text"]
_ROLES: tuple[Role, ...] = ("script", "ego", "exo", "ego-text", "exo-text", "pair-text")


@dataclass(frozen=True, slots=True)
class Event:
    """One action of a person."""

    verb: str
    noun: str


COMMON_EVENTS = (
    Event("take", "jar"),
    Event("open", "pan"),
    Event("pour", "cup"),
    Event("mix", "board"),
)
"""The events of every script where all have the same."""


@dataclass(frozen=True, slots=True)
class Script:
    """What one pair shows.

    The scripts of a family differ only in the verbs and nouns of their events. Timing, visibility
    and audibility are equal, because a method could identify a twin by them.
    """

    split: Split
    family: int
    member: int
    scene: str
    events: tuple[Event, ...]
    visible_in: tuple[frozenset[View], ...]
    """The views that show each event; at least one."""
    audible: tuple[bool, ...]
    tempo: tuple[float, ...]
    """Relative lengths of pause, event, pause, ..., event, pause."""


@dataclass(frozen=True, slots=True)
class _Preferences:
    """Probabilities of motions and of materials in a scene."""

    motions: Probabilities
    materials: Probabilities


def make_rng(seed: int, split: Split, family: int, member: int, *, role: Role) -> Generator:
    """Return the random generator of one role; it does not depend on the number of pairs."""
    key = [seed, SPLITS.index(split), family, member, _ROLES.index(role)]
    return np.random.default_rng(key)


def spawn_view_rngs(script: Script, view: View, config: SyntheticConfig) -> list[Generator]:
    """Return the random generators of the timing, the camera and the microphone of a view."""
    key = config.seed, script.split, script.family, script.member
    return make_rng(*key, role=view).spawn(3)


def write_scripts(config: SyntheticConfig) -> dict[Split, list[Script]]:
    """Return every script, family by family.

    No two families have the same scene, motions and materials.
    """
    preferences = _draw_preferences(config.seed)
    used: set[tuple[object, ...]] = set()
    scripts: dict[Split, list[Script]] = {split: [] for split in SPLITS}
    for split in ("test", "val", "train"):
        for index in range(config.num_pairs[split] // FAMILY_SIZE):
            family = config.first_family + index
            rng = make_rng(config.seed, split, family, 0, role="script")
            first = _draw_script(rng, config, preferences, split=split, family=family)
            while _get_content(first) in used:
                first = _draw_script(rng, config, preferences, split=split, family=family)
            used.add(_get_content(first))
            scripts[split] += [_make_member(first, member) for member in range(FAMILY_SIZE)]
    return scripts


def _draw_preferences(seed: int) -> dict[str, _Preferences]:
    """Return the preferences of each scene."""
    rng = np.random.default_rng([seed, len(SPLITS)])
    return {
        scene: _Preferences(
            motions=_draw_probabilities(rng, len(MOTIONS)),
            materials=_draw_probabilities(rng, len(MATERIALS)),
        )
        for scene in SCENES
    }


def _draw_probabilities(rng: Generator, count: int) -> Probabilities:
    weights = np.ones(count)
    weights[rng.choice(count, NUM_PREFERRED, replace=False)] = PREFERENCE
    probabilities: Probabilities = weights / weights.sum()
    return probabilities


def _draw_script(
    rng: Generator,
    config: SyntheticConfig,
    preferences: dict[str, _Preferences],
    *,
    split: Split,
    family: int,
) -> Script:
    scene = list(SCENES)[rng.integers(len(SCENES))]
    preferred = preferences[scene]
    if config.same_events:
        events = tuple(COMMON_EVENTS[i] for i in rng.permutation(NUM_EVENTS))
    else:
        events = _draw_events(rng, preferred)
    return Script(
        split=split,
        family=family,
        member=0,
        scene=scene,
        events=events,
        visible_in=_draw_visibility(rng, config.overlap),
        audible=_draw_audibility(rng, config.sound),
        tempo=tuple(_draw_tempo(rng)),
    )


def _draw_events(rng: Generator, preferred: _Preferences) -> tuple[Event, ...]:
    # motions and materials do not repeat, so that no twin has the same words as another
    motions = rng.choice(list(MOTIONS), NUM_EVENTS, replace=False, p=preferred.motions)
    materials = rng.choice(list(MATERIALS), NUM_EVENTS, replace=False, p=preferred.materials)
    return tuple(
        Event(str(rng.choice(MOTIONS[motion])), str(rng.choice(MATERIALS[material])))
        for motion, material in zip(motions, materials, strict=True)
    )


def _draw_visibility(rng: Generator, overlap: float) -> tuple[frozenset[View], ...]:
    """Return the views that show each event; ``overlap`` is the share that both show."""
    num_shared = _round_randomly(rng, overlap * NUM_EVENTS)
    num_ego = _round_randomly(rng, (NUM_EVENTS - num_shared) / 2)
    views: list[tuple[View, ...]] = []
    views += [("ego", "exo")] * num_shared
    views += [("ego",)] * num_ego
    views += [("exo",)] * (NUM_EVENTS - num_shared - num_ego)
    return tuple(frozenset(views[i]) for i in rng.permutation(NUM_EVENTS))


def _draw_audibility(rng: Generator, share: float) -> tuple[bool, ...]:
    count = _round_randomly(rng, share * NUM_EVENTS)
    return tuple(bool(rank < count) for rank in rng.permutation(NUM_EVENTS))


def _round_randomly(rng: Generator, value: float) -> int:
    """Round up with the probability of the fractional part, so that the mean is ``value``."""
    return int(value + rng.random())


def _draw_tempo(rng: Generator) -> list[float]:
    lengths = np.where(np.arange(2 * NUM_EVENTS + 1) % 2, 1.0, 0.15)
    return [float(length) for length in lengths * rng.lognormal(0, 0.15, len(lengths))]


def _get_content(script: Script) -> tuple[object, ...]:
    """Return what is equal in all scripts of a family, and in no two families."""
    events = tuple(
        (MOTION_OF_VERB[event.verb], MATERIAL_OF_NOUN[event.noun]) for event in script.events
    )
    return script.scene, events


def _make_member(first: Script, member: int) -> Script:
    """Return a script of the family: bit 0 selects the sound twins, bit 1 the look twins."""
    events = first.events
    if member & 1:
        events = tuple(Event(event.verb, SOUND_TWIN[event.noun]) for event in events)
    if member & 2:
        events = tuple(Event(LOOK_TWIN[event.verb], event.noun) for event in events)
    return replace(first, member=member, events=events)
