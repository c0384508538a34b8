"""Reads the features of shortcuts from media and annotation: duration, loudness, scene, text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.decode import decode_clip
from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.protocols import Progress
from egoexobench.shortcuts import similarity
from egoexobench.toolbox.cores import map_in_threads
from egoexobench.types import Clip, ClipContent, Pair

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


def read_annotations(clips: Sequence[Clip], pairs: Sequence[Pair]) -> dict[str, ShortcutFeatures]:
    """Return what the annotation says of every clip and of the text of every pair, by id."""
    texts = {pair.id: ShortcutFeatures(pair.narration, pair.ego.scene) for pair in pairs}
    return texts | {clip.id: ShortcutFeatures(clip.narration, clip.scene) for clip in clips}


def extract_shortcut_features(
    clips: Sequence[Clip],
    progress: Progress,
    *,
    clip_keys: Mapping[str, str],
    sound_ids: Collection[str] = (),
) -> dict[str, ShortcutFeatures]:
    """Return the features of every clip by id.

    Args:
        clips: clips to decode; equal ones are decoded once.
        progress: shows the stage.
        clip_keys: hash of the content of some clips, by id.
        sound_ids: ids of the clips whose sounds are kept, which takes up to 128 KB each.
    """
    by_content: dict[str | ClipContent, list[Clip]] = {}
    for clip in clips:
        by_content.setdefault(clip_keys.get(clip.id, clip.content), []).append(clip)
    read = partial(_read_clips, sound_ids=sound_ids)
    features: dict[str, ShortcutFeatures] = {}
    with progress.stage("decode", len(clips)) as advance:
        for result in map_in_threads(read, by_content.values()):
            features |= result
            advance(len(result))
    return features


def _read_clips(clips: Sequence[Clip], sound_ids: Collection[str]) -> dict[str, ShortcutFeatures]:
    """Return the features of clips with one content."""
    first = clips[0]
    has_sound = any(clip.id in sound_ids for clip in clips)
    audio = decode_clip(first, 0, with_audio=True).audio
    duration = first.end - first.start if first.end is not None else None
    loudness, sound = None, None
    if audio is not None:
        duration = duration or len(audio.waveform) / AUDIO_SAMPLE_RATE
        loudness = similarity.loudness_db(audio.waveform)
        sound = _downsample_beginning(audio.waveform) if has_sound else None
    return {
        clip.id: ShortcutFeatures(
            clip.narration, clip.scene, duration=duration, loudness=loudness, sound=sound
        )
        for clip in clips
    }


def _downsample_beginning(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    beginning = waveform[: round(AUDIO_SECONDS * AUDIO_SAMPLE_RATE)]
    num_samples = len(beginning) // DOWNSAMPLE
    return np.asarray(beginning[: num_samples * DOWNSAMPLE].reshape(-1, DOWNSAMPLE).mean(1))
