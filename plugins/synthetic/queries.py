"""Candidate lists: the positive, its twins, and pairs of other families."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np

from egoexobench.data.folder_dataset import QueryRow, make_clip_id
from egoexobench.types import SPLITS, VIEWS, Split, View

if TYPE_CHECKING:
    from numpy.random import Generator

    RetrievalTask = Literal["eg2ex", "ex2eg", "t2v", "v2t"]

NUM_CANDIDATES = 20
"""Candidates of a query; a split with fewer pairs has no queries."""
_RANDOM_STREAM = 4  # scripts use streams 0 to 2, scene preferences stream 3


def build_queries(split: Split, families: dict[str, int], seed: int) -> Iterator[QueryRow]:
    """Yield the queries of one split.

    A pair has one query for eg2ex and one for ex2eg, and two (one per view) for t2v and for v2t.

    Args:
        split: the split.
        families: number of the family of each pair, by pair id.
        seed: random seed of the candidates and their order.
    """
    if len(families) < NUM_CANDIDATES:
        return
    rng = np.random.default_rng([seed, _RANDOM_STREAM, SPLITS.index(split)])
    sides: list[tuple[RetrievalTask, View | None, View | None]] = [
        ("eg2ex", "ego", "exo"),
        ("ex2eg", "exo", "ego"),
    ]
    for view in VIEWS:
        sides += [("t2v", None, view), ("v2t", view, None)]
    for pair in families:
        for task, source, candidate in sides:
            pairs = _draw_candidates(rng, pair, families)
            yield QueryRow(
                split=split,
                task=task,
                source=_make_id(pair, source),
                candidates=tuple(_make_id(name, candidate) for name in pairs),
                answer=pairs.index(pair),
            )


def _draw_candidates(rng: Generator, pair: str, families: dict[str, int]) -> list[str]:
    """Return the twins of a pair and pairs of other families, in random order."""
    twins = [name for name in families if families[name] == families[pair]]
    others = [name for name in families if families[name] != families[pair]]
    drawn = rng.choice(len(others), NUM_CANDIDATES - len(twins), replace=False)
    candidates = [*twins, *(others[i] for i in drawn)]
    return [candidates[i] for i in rng.permutation(NUM_CANDIDATES)]


def _make_id(pair: str, view: View | None) -> str:
    """Return the id of a clip, or that of the pair if its text is meant (``view`` is None)."""
    return make_clip_id(pair, view) if view else pair
