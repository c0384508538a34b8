"""Reads the features of shortcuts from media and annotation: duration, loudness, scene, text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.decode import decode_clip
from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.protocols import Progress
from egoexobench.shortcuts import similarity
from egoexobench.types import Clip, Pair

AUDIO_SECONDS = 4.0
"""Length of the beginning of a clip that is cross-correlated, in seconds."""
DOWNSAMPLE = 2
"""Number of samples that are averaged to one, which leaves 8 kHz."""


@dataclass(frozen=True, slots=True)
class ShortcutFeatures:
    """What a shortcut knows of a clip or a text; None where it has no such feature."""

    narration: str
    scene: str | None
    duration: float | None = None
    """In seconds."""
    loudness: float | None = None
    """In dB; None without a sound."""
    sound: NDArray[np.float32] | None = None
    """The first ``AUDIO_SECONDS``, downsampled, ``(N,)``."""


def extract_shortcut_features(
    clips: Sequence[Clip],
    pairs: Sequence[Pair],
    progress: Progress,
    *,
    with_sound: bool = True,
) -> dict[str, ShortcutFeatures]:
    """Return the features of every clip, and of the text of every pair, by id.

    Args:
        clips: clips to decode.
        pairs: pairs whose texts are read.
        progress: shows the stage.
        with_sound: keep the beginning of each sound, which takes 128 KB a clip.
    """
    read = partial(_read_clip, with_sound=with_sound)
    features = {pair.id: ShortcutFeatures(pair.narration, pair.ego.scene) for pair in pairs}
    with (
        progress.stage("decode", len(clips)) as advance,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        try:
            for clip, result in zip(clips, pool.map(read, clips), strict=True):
                features[clip.id] = result
                advance(1)
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupt does not wait for queued clips
    return features


def _read_clip(clip: Clip, *, with_sound: bool) -> ShortcutFeatures:
    sound = decode_clip(clip, 0, with_audio=True).audio
    span = clip.end - clip.start if clip.end is not None else None
    if sound is None:
        return ShortcutFeatures(clip.narration, clip.scene, span)
    beginning = sound.waveform[: round(AUDIO_SECONDS * AUDIO_SAMPLE_RATE)]
    num_samples = len(beginning) // DOWNSAMPLE
    return ShortcutFeatures(
        narration=clip.narration,
        scene=clip.scene,
        duration=span or len(sound.waveform) / AUDIO_SAMPLE_RATE,
        loudness=similarity.loudness_db(sound.waveform),
        sound=beginning[: num_samples * DOWNSAMPLE].reshape(-1, DOWNSAMPLE).mean(1)
        if with_sound
        else None,
    )
