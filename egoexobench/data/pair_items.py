"""The items of pairs: each clip and each text under one id, whatever the number of its pairs.

Four exo cameras that film one ego clip are four pairs. A data set may give the ego clip one id or
an id for each pair; both are the same clip, because the file, the span and the view are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from egoexobench.data.disjoint_sets import DisjointSets
from egoexobench.types import Clip, ClipContent, Pair


@dataclass(frozen=True, slots=True)
class PairItems:
    """A pair, the ids that represent its clips and its text, and its cluster.

    Equal clips have the same id here, the smallest one. Pairs that share a clip and have the same
    narration have one text. Takes whose pairs share a clip are one cluster.
    """

    pair: Pair
    ego: str
    exo: str
    text: str
    cluster: str


def resolve_pair_items(pairs: Sequence[Pair]) -> list[PairItems]:
    """Return the items of some pairs of one split, in the order of the pairs.

    If every clip stands in one pair, all ids are those of the data set and the cluster of a pair is
    the take of its ego clip.
    """
    clip_ids = map_clip_ids(clip for pair in pairs for clip in (pair.ego, pair.exo))
    takes, texts = join_takes(pairs), DisjointSets()
    first_texts: dict[tuple[ClipContent, str], str] = {}
    for pair in pairs:
        for clip in (pair.ego, pair.exo) if pair.narration.strip() else ():
            texts.join(first_texts.setdefault((clip.content, pair.narration), pair.id), pair.id)
    return [
        PairItems(
            pair=pair,
            ego=clip_ids[pair.ego.content],
            exo=clip_ids[pair.exo.content],
            text=texts.find(pair.id),
            cluster=takes.find(pair.ego.take),
        )
        for pair in pairs
    ]


def map_clip_ids(clips: Iterable[Clip]) -> dict[ClipContent, str]:
    """Return the id that represents each content: the smallest id of the clips that show it."""
    ids: dict[ClipContent, str] = {}
    for clip in clips:
        ids[clip.content] = min(clip.id, ids.get(clip.content, clip.id))
    return ids


def join_takes(pairs: Iterable[Pair]) -> DisjointSets:
    """Return the sets of takes that depend on each other, because their pairs share a clip."""
    takes = DisjointSets()
    first_pairs: dict[ClipContent, Pair] = {}
    for pair in pairs:
        for clip in (pair.ego, pair.exo):
            first = first_pairs.setdefault(clip.content, pair)
            if first is not pair:
                takes.join(first.ego.take, pair.ego.take)
                takes.join(first.exo.take, pair.exo.take)
    return takes
