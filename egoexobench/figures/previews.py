"""Clips and texts of a split as cards: text, sound caption, frames and waveform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.decode import decode_clip
from egoexobench.figures.layout import Card, ClipPreview
from egoexobench.protocols import Dataset, Progress
from egoexobench.types import Clip, Pair, Split

NUM_SPANS = 160
"""Number of spans of a waveform whose loudest sample is displayed."""


@dataclass(frozen=True, slots=True)
class SplitIndex:
    """Clips and pairs of a split by id."""

    clips: Mapping[str, Clip]
    pairs: Mapping[str, Pair]
    pair_of_clip: Mapping[str, Pair]
    """The first pair of each clip."""


def index_split(dataset: Dataset, split: Split) -> SplitIndex:
    """Return the clips and pairs of a split by id."""
    pairs = dataset.pairs(split)
    pair_of_clip: dict[str, Pair] = {}
    for pair in pairs:
        pair_of_clip.setdefault(pair.ego.id, pair)
        pair_of_clip.setdefault(pair.exo.id, pair)
    clips = {clip.id: clip for clip in dataset.clips(split)}
    return SplitIndex(clips, {pair.id: pair for pair in pairs}, pair_of_clip)


def load_previews(
    clips: Mapping[str, tuple[Clip, int]], progress: Progress
) -> dict[str, ClipPreview]:
    """Decode clips, each with a number of frames.

    Raises:
        DataError: if a clip does not decode.
    """
    previews = {}
    with progress.stage("decode", len(clips)) as advance:
        for name, (clip, num_frames) in clips.items():
            decoded = decode_clip(clip, num_frames, with_audio=True)
            assert decoded.frames is not None  # noqa: S101 - frames were requested
            audio = decoded.audio
            peaks = compute_waveform_peaks(audio.waveform, NUM_SPANS) if audio else None
            previews[name] = ClipPreview(decoded.frames.pixels, peaks, decoded.state)
            advance(1)
    return previews


def compute_waveform_peaks(samples: NDArray[np.float32], num_spans: int) -> NDArray[np.float32]:
    """Return the loudest sample of each of some equal spans ``(num_spans,)``, the loudest is 1.

    If there are fewer samples than spans, each sample is a span.
    """
    num_edges = min(num_spans, len(samples))
    edges = np.linspace(0, len(samples), num_edges, endpoint=False).astype(int)
    loudest = np.maximum.reduceat(np.abs(samples), edges)
    return np.asarray(loudest / loudest.max(), np.float32)


def make_card(
    name: str, index: SplitIndex, preview: ClipPreview | None, captions: Mapping[str, str]
) -> Card:
    """Return the card of a clip with a preview, or of the text of a pair or clip."""
    if preview:
        pair = index.pair_of_clip.get(name)
        caption = captions.get(pair.id) if pair else None
        return Card(name, index.clips[name].narration, caption, preview)
    item = index.pairs.get(name) or index.clips[name]
    return Card(name, item.narration, captions.get(name), None)
