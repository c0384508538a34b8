"""Train pairs: an ego clip and an exo clip that share a noun and a verb."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from egoexobench.types import Clip, Pair

_Rows = NDArray[np.bool_]


def pair_up(ego: Sequence[Clip], exo: Sequence[Clip], seed: int) -> list[Pair]:
    """Give each ego clip one exo clip, drawn evenly from those that share a noun and a verb.

    EgoInstructor's rule (Jazzcharles/Egoinstructor, commit 8492ba0, retrieval/data,
    ``nv_index``), which draws anew in every epoch; here the draw is fixed by the seed and the two
    clips' ids, whatever the order of the files. Where EgoInstructor pairs an ego clip without a
    partner with itself, there is no pair here.

    Args:
        ego: clips of the ego view, labelled with verbs and nouns.
        exo: clips of the exo view, labelled likewise.
        seed: of the draw.
    """
    partners = sorted(exo, key=lambda clip: clip.id)
    by_verb = _index([clip.verbs for clip in partners])
    by_noun = _index([clip.nouns for clip in partners])
    sharing: dict[tuple[frozenset[str], frozenset[str]], NDArray[np.intp]] = {}
    pairs = []
    for clip in ego:
        labels = frozenset(clip.verbs), frozenset(clip.nouns)
        if labels not in sharing:
            both = _any(by_verb, clip.verbs, len(exo)) & _any(by_noun, clip.nouns, len(exo))
            sharing[labels] = np.flatnonzero(both)
        if len(found := sharing[labels]):
            partner = partners[found[_draw(seed, clip.id) % len(found)]]
            pairs.append(Pair(f"pair/{clip.id}", clip, partner, clip.narration))
    return pairs


def _index(labels: Sequence[Sequence[str]]) -> dict[str, _Rows]:
    rows: dict[str, _Rows] = {}
    for place, names in enumerate(labels):
        for name in names:
            rows.setdefault(name, np.zeros(len(labels), bool))[place] = True
    return rows


def _any(index: dict[str, _Rows], names: Iterable[str], count: int) -> _Rows:
    chosen = [index[name] for name in names if name in index]
    return np.any(chosen, axis=0) if chosen else np.zeros(count, bool)


def _draw(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big")
