"""The lists of 20 candidates that this benchmark publishes for CharadesEgo, version 1."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

from egoexobench.types import Gallery, Pair, Query, Task

NUM_CANDIDATES = 20
LISTS_VERSION = 1
"""Version of the rule of :func:`draw_candidates`; another rule gets another version."""
Negatives = Literal["random", "scene"]
CandidateLists = Mapping[str, tuple[str, ...]]
"""Ids of the 20 candidate pairs of each pair."""
_Side = Literal["ego", "exo", "text"]
_SIDES: Mapping[Task, tuple[tuple[_Side, _Side], ...]] = {
    "eg2ex": (("ego", "exo"),),
    "ex2eg": (("exo", "ego"),),
    "t2v": (("text", "ego"), ("text", "exo")),
    "v2t": (("ego", "text"), ("exo", "text")),
}
"""What the source and the candidates of the queries of a task are."""


def draw_candidates(pairs: Sequence[Pair], negatives: Negatives, seed: int) -> CandidateLists:
    """Return 20 pairs for each pair, itself among them; the order of ``pairs`` does not matter.

    No list was ever published for CharadesEgo, so this rule is ours. For a pair ``p``, all pairs
    with another narration are sorted by the SHA-256 of ``SEED/p/q`` in hexadecimal, where ``q`` is
    their id, and the first 19 are the wrong candidates. With ``scene``, pairs of the same scene as
    ``p`` come first. The index of ``p`` is the number in the last 8 digits of the SHA-256 of
    ``SEED/p``, modulo 20. A pair with fewer than 19 pairs of other narrations has no list. All
    tasks use the same list, as in the evaluations of EgoExoLearn and SoundBridge.
    """
    lists = {}
    for pair in pairs:
        others = [other for other in pairs if other.narration != pair.narration]
        if len(others) < NUM_CANDIDATES - 1:
            continue
        ranked = sorted(
            (
                negatives == "scene" and other.ego.scene != pair.ego.scene,
                _hash_ids(seed, pair, other),
                other.id,
            )
            for other in others
        )
        names = [name for *_, name in ranked[: NUM_CANDIDATES - 1]]
        names.insert(int(_hash_ids(seed, pair)[-8:], 16) % NUM_CANDIDATES, pair.id)
        lists[pair.id] = tuple(names)
    return lists


def build_queries(pairs: Sequence[Pair], lists: CandidateLists, task: Task) -> list[Query]:
    """Return the queries of a retrieval task; a text has one query for each view."""
    by_id = {pair.id: pair for pair in pairs}
    return [
        Query(
            source=_get_side_id(by_id[name], source),
            gallery=Gallery(tuple(_get_side_id(by_id[other], candidate) for other in names)),
            positives=(names.index(name),),
            cluster=by_id[name].ego.take,
        )
        for source, candidate in _SIDES.get(task, ())
        for name, names in lists.items()
    ]


def _get_side_id(pair: Pair, side: _Side) -> str:
    return {"text": pair.id, "ego": pair.ego.id, "exo": pair.exo.id}[side]


def _hash_ids(seed: int, *pairs: Pair) -> str:
    text = "/".join([str(seed), *(pair.id for pair in pairs)])
    return hashlib.sha256(text.encode()).hexdigest()
