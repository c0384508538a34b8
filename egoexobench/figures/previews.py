"""Clips and texts of a split by id, as cards: words, sound caption, pictures and sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.decode import decode_clip
from egoexobench.figures.layout import Card, Look
from egoexobench.protocols import Dataset, Progress
from egoexobench.types import Clip, Pair, Split

SPANS = 160
"""Spans of a sound whose loudest sample is shown."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Clips and pairs by id, and the pair of each clip: the first, where it stands in several."""

    clips: Mapping[str, Clip]
    pairs: Mapping[str, Pair]
    of: Mapping[str, Pair]


def shelf(dataset: Dataset, split: Split) -> Shelf:
    """Return the clips and pairs of a split."""
    pairs = dataset.pairs(split)
    of: dict[str, Pair] = {}
    for pair in pairs:
        of.setdefault(pair.ego.id, pair)
        of.setdefault(pair.exo.id, pair)
    clips = {clip.id: clip for clip in dataset.clips(split)}
    return Shelf(clips, {pair.id: pair for pair in pairs}, of)


def looks(clips: Mapping[str, tuple[Clip, int]], progress: Progress) -> dict[str, Look]:
    """Decode clips, each with how many pictures.

    Raises:
        DataError: if a clip does not decode.
    """
    found = {}
    with progress.stage("decode", len(clips)) as advance:
        for name, (clip, count) in clips.items():
            decoded = decode_clip(clip, count, with_audio=True)
            assert decoded.frames is not None  # noqa: S101 - pictures were asked for
            heard = peaks(decoded.audio.waveform, SPANS) if decoded.audio else None
            found[name] = Look(decoded.frames.pixels, heard, decoded.state)
            advance(1)
    return found


def peaks(samples: NDArray[np.float32], spans: int) -> NDArray[np.float32]:
    """Return the loudest sample of each of some equal spans ``(spans,)``, the loudest of all 1.

    A sound of fewer samples than spans gives one span a sample.
    """
    edges = np.linspace(0, len(samples), min(spans, len(samples)), endpoint=False).astype(int)
    loudest = np.maximum.reduceat(np.abs(samples), edges)
    return np.asarray(loudest / loudest.max(), np.float32)


def card(name: str, held: Shelf, look: Look | None, captions: Mapping[str, str]) -> Card:
    """Return the card of a clip that was looked at, or of the text of a pair or clip."""
    if look:
        pair = held.of.get(name)
        caption = captions.get(pair.id) if pair else None
        return Card(name, held.clips[name].narration, caption, look)
    told = held.pairs.get(name) or held.clips[name]
    return Card(name, told.narration, captions.get(name), None)
