"""Candidate lists: each question has its answer, the answer's twins and pairs of other families."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np

from egoexobench.data.folder_dataset import QueryRow, make_clip_id
from egoexobench.types import SPLITS, VIEWS, Split, View

if TYPE_CHECKING:
    from numpy.random import Generator

CANDIDATES = 20
"""Choices of a question; a split with fewer pairs has no questions."""
_STREAM = 4  # apart from the streams of scripts (0 to 2) and of scene tastes (3)


def questions(split: Split, families: dict[str, int], seed: int) -> Iterator[QueryRow]:
    """Write the lists of one split, from each pair's family.

    One question a pair for eg2ex and ex2eg, two (one a view) for t2v and v2t.
    """
    if len(families) < CANDIDATES:
        return
    rng = np.random.default_rng([seed, _STREAM, SPLITS.index(split)])
    for pair in families:
        yield _ask(rng, split, "eg2ex", pair, families, ("ego", "exo"))
        yield _ask(rng, split, "ex2eg", pair, families, ("exo", "ego"))
        for view in VIEWS:
            yield _ask(rng, split, "t2v", pair, families, (None, view))
            yield _ask(rng, split, "v2t", pair, families, (view, None))


def _ask(
    rng: Generator,
    split: Split,
    task: Literal["eg2ex", "ex2eg", "t2v", "v2t"],
    pair: str,
    families: dict[str, int],
    sides: tuple[View | None, View | None],
) -> QueryRow:
    """One question; ``sides`` are the views of the source and of the candidates, None for texts."""
    twins = [other for other in families if families[other] == families[pair]]
    others = [other for other in families if families[other] != families[pair]]
    strangers = rng.choice(len(others), CANDIDATES - len(twins), replace=False)
    chosen = [*twins, *(others[i] for i in strangers)]
    listed = [chosen[i] for i in rng.permutation(CANDIDATES)]
    return QueryRow(
        split=split,
        task=task,
        source=_id(pair, sides[0]),
        candidates=tuple(_id(name, sides[1]) for name in listed),
        answer=listed.index(pair),
    )


def _id(pair: str, side: View | None) -> str:
    return make_clip_id(pair, side) if side else pair
