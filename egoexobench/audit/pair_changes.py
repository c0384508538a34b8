"""The changes of a pair after which its embeddings must stay the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from egoexobench.data.media_files import link_media_file
from egoexobench.hashing import hash_json
from egoexobench.records.audit import Change
from egoexobench.types import Clip, Pair

PairTransform = Callable[[Pair, Pair], Pair]
"""Takes a pair and another one that it is exchanged with, and returns the changed pair."""


def make_pair_changes(links: Path) -> Mapping[Change, PairTransform]:
    """Return the function that applies each change; ``links`` is a folder for links to media."""
    return {
        "nothing": lambda pair, _: pair,
        "annotation": lambda pair, other: _change_clips(
            replace(pair, narration=other.narration), other, _change_annotation
        ),
        "ids": lambda pair, other: _change_clips(
            replace(pair, id=hash_json(["pair", pair.id])), other, _change_ids
        ),
        "paths": lambda pair, other: _change_clips(
            pair, other, lambda clip, _: replace(clip, media=_link_media(clip.media, links))
        ),
        "media": lambda pair, other: _change_clips(pair, other, _change_media),
        "files": lambda pair, other: _change_clips(pair, other, _change_media),
        "nudge": lambda pair, _: pair,
    }


def _change_clips(pair: Pair, other: Pair, change: Callable[[Clip, Clip], Clip]) -> Pair:
    return replace(pair, ego=change(pair.ego, other.ego), exo=change(pair.exo, other.exo))


def _change_annotation(clip: Clip, other: Clip) -> Clip:
    return replace(
        clip,
        narration=other.narration,
        scene=other.scene,
        verbs=other.verbs,
        nouns=other.nouns,
    )


def _change_ids(clip: Clip, _: Clip) -> Clip:
    return replace(clip, id=hash_json(["clip", clip.id]), take=hash_json(["take", clip.take]))


def _change_media(clip: Clip, other: Clip) -> Clip:
    return replace(clip, media=other.media, start=other.start, end=other.end)


def _link_media(media: str, links: Path) -> str:
    path = links / f"{hash_json(media)}{Path(media).suffix}"
    if not path.exists():
        link_media_file(media, path)
    return str(path)
