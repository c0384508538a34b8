"""What shortcuts look at, read once from media and annotation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.decode import decode_clip
from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.protocols import Progress
from egoexobench.shortcuts import similarity
from egoexobench.types import Clip, Pair

HEARD = 4.0
"""How much of a clip is cross-correlated, s."""
THINNED = 2
"""Samples that are averaged to one for it: 8 kHz are left."""


@dataclass(frozen=True, slots=True)
class Cue:
    """What a shortcut looks at; None where there is none."""

    narration: str
    scene: str | None
    duration: float | None = None
    loudness: float | None = None
    sound: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Clips of a split, and pairs of them, that are there."""

    clips: Sequence[Clip]
    pairs: Sequence[Pair]


def cues(seen: Seen, progress: Progress) -> dict[str, Cue]:
    """What shortcuts look at, of every clip and, as text, of every pair."""
    found = {pair.id: Cue(pair.narration, pair.ego.scene) for pair in seen.pairs}
    with (
        progress.stage("decode", len(seen.clips)) as advance,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        for clip, cue in zip(seen.clips, pool.map(_cue, seen.clips), strict=True):
            found[clip.id] = cue
            advance(1)
    return found


def _cue(clip: Clip) -> Cue:
    heard = decode_clip(clip, 0, with_audio=True).audio
    told = clip.end - clip.start if clip.end is not None else None
    if heard is None:
        return Cue(clip.narration, clip.scene, told)
    kept = heard.waveform[: round(HEARD * AUDIO_SAMPLE_RATE) // THINNED * THINNED]
    thin = kept[: len(kept) // THINNED * THINNED].reshape(-1, THINNED).mean(1)
    return Cue(
        clip.narration,
        clip.scene,
        told or len(heard.waveform) / AUDIO_SAMPLE_RATE,
        similarity.loudness_db(heard.waveform),
        thin,
    )
