"""The lists of 20 candidates that this benchmark publishes for CharadesEgo, version 1."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from egoexobench.types import Gallery, Pair, Query, Task

SIZE = 20
VERSION = 1
"""Of the rule in :func:`draw`; another rule is another version."""
Negatives = Literal["random", "scene"]


def draw(pairs: Sequence[Pair], negatives: Negatives, seed: int) -> dict[str, tuple[str, ...]]:
    """Return the ids of 20 pairs for each pair, itself among them; the order of pairs is free.

    No list was ever published for CharadesEgo, so this rule is ours. For a pair ``p`` all pairs
    with another narration are sorted by the SHA-256 of ``SEED/p/q`` in hexadecimal, ``q`` being
    their id, and the first 19 are its wrong candidates. With ``scene`` those of its own scene go
    first. ``p`` is put in at the place that the last 8 digits of the SHA-256 of ``SEED/p`` give
    modulo 20. Fewer than 20 pairs with different narrations give no list. One list serves both
    directions and all tasks, as in the evaluations of EgoExoLearn and SoundBridge.
    """

    def far(pair: Pair, other: Pair) -> bool:
        return negatives == "scene" and other.ego.scene != pair.ego.scene

    lists = {}
    for pair in pairs:
        others = [other for other in pairs if other.narration != pair.narration]
        if len(others) < SIZE - 1:
            continue
        ranked = sorted((far(pair, other), _hash(seed, pair, other), other.id) for other in others)
        names = [name for *_, name in ranked[: SIZE - 1]]
        names.insert(int(_hash(seed, pair)[-8:], 16) % SIZE, pair.id)
        lists[pair.id] = tuple(names)
    return lists


def ask(pairs: Sequence[Pair], lists: dict[str, tuple[str, ...]], task: Task) -> list[Query]:
    """Return the questions of a retrieval task; texts meet both views, each in its own list."""
    by_id = {pair.id: pair for pair in pairs}
    sides = {
        "eg2ex": (("ego", "exo"),),
        "ex2eg": (("exo", "ego"),),
        "t2v": (("text", "ego"), ("text", "exo")),
        "v2t": (("ego", "text"), ("exo", "text")),
    }
    return [
        Query(
            _side(by_id[name], source),
            Gallery(tuple(_side(by_id[other], candidate) for other in listed)),
            (listed.index(name),),
            by_id[name].ego.take,
        )
        for source, candidate in sides.get(task, ())
        for name, listed in lists.items()
    ]


def _side(pair: Pair, side: str) -> str:
    return {"text": pair.id, "ego": pair.ego.id, "exo": pair.exo.id}[side]


def _hash(seed: int, *pairs: Pair) -> str:
    text = "/".join([str(seed), *(pair.id for pair in pairs)])
    return hashlib.sha256(text.encode()).hexdigest()
