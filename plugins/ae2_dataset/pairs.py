"""Which ego and exo videos are trained on together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from egoexobench.types import Clip, Pair


def draw_pairs(ego: Sequence[Clip], exo: Sequence[Clip], partners: int, seed: int) -> list[Pair]:
    """Return pairs of an ego and an exo video; each video stands in ``partners`` or more.

    Both lists get a random order. In each round the videos of the longer one are paired with those
    of the other, which is repeated and begins one video later than in the round before. A pair that
    an earlier round has drawn is left out.

    Args:
        ego: clips of one activity.
        exo: clips of the same activity.
        partners: number of rounds.
        seed: decides the orders.
    """
    if not ego or not exo:
        return []
    rng = np.random.default_rng(seed)
    count = max(len(ego), len(exo))
    ego_order, exo_order = rng.permutation(len(ego)), rng.permutation(len(exo))
    pairs: dict[str, Pair] = {}
    for shift in range(partners):
        for index in range(count):
            first = ego[ego_order[(index + (shift if len(ego) < count else 0)) % len(ego)]]
            second = exo[exo_order[(index + (shift if len(ego) >= count else 0)) % len(exo)]]
            name = f"{first.id}+{second.id}"
            pairs.setdefault(name, Pair(name, first, second, narration=""))
    return list(pairs.values())
