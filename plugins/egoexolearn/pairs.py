"""Training pairs: an ego clip and an exo clip that share a noun and a verb."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from egoexobench.types import Clip, Pair

_BoolArray = NDArray[np.bool_]


def draw_pairs(ego: Sequence[Clip], exo: Sequence[Clip], seed: int) -> list[Pair]:
    """Pair each ego clip with a random exo clip among those that share a noun and a verb with it.

    This is EgoInstructor's rule (Jazzcharles/Egoinstructor, commit 8492ba0, retrieval/data,
    ``nv_index``), which draws new pairs in every epoch. Here the pairs depend only on the seed and
    on the ids of the clips, not on the order of the rows. EgoInstructor pairs an ego clip without
    a partner with itself; here such a clip has no pair.

    Args:
        ego: clips of the ego view, with verbs and nouns.
        exo: clips of the exo view, with verbs and nouns.
        seed: random seed.
    """
    partners = sorted(exo, key=lambda clip: clip.id)
    by_verb = _index_labels([clip.verbs for clip in partners])
    by_noun = _index_labels([clip.nouns for clip in partners])
    rows_by_labels: dict[tuple[frozenset[str], frozenset[str]], NDArray[np.intp]] = {}
    pairs = []
    for clip in ego:
        labels = frozenset(clip.verbs), frozenset(clip.nouns)
        if labels not in rows_by_labels:
            shares_verb = _match_any(by_verb, clip.verbs, len(exo))
            shares_noun = _match_any(by_noun, clip.nouns, len(exo))
            rows_by_labels[labels] = np.flatnonzero(shares_verb & shares_noun)
        if len(rows := rows_by_labels[labels]):
            partner = partners[rows[_hash_to_int(seed, clip.id) % len(rows)]]
            pairs.append(Pair(f"pair/{clip.id}", clip, partner, clip.narration))
    return pairs


def _index_labels(labels: Sequence[Sequence[str]]) -> dict[str, _BoolArray]:
    """Return, by label, which of the clips have it."""
    index: dict[str, _BoolArray] = {}
    for row, names in enumerate(labels):
        for name in names:
            index.setdefault(name, np.zeros(len(labels), bool))[row] = True
    return index


def _match_any(index: dict[str, _BoolArray], names: Iterable[str], count: int) -> _BoolArray:
    """Return which of the ``count`` clips have at least one of the labels."""
    matches = [index[name] for name in names if name in index]
    return np.any(matches, axis=0) if matches else np.zeros(count, bool)


def _hash_to_int(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big")
