"""Measure the level of a clip's audio and classify it."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

SILENCE_PEAK = 2.0**-15
"""Peak up to which audio is digital silence, of full scale: one step of 16 bits."""
LOW_RMS = 10 ** (-60 / 20)
"""Root mean square below which the level is low, of full scale: -60 dBFS."""
CLIP_LEVEL = 0.99
"""Absolute value from which a sample counts as clipped."""
CLIPPED_SHARE = 0.001
"""Share of clipped samples from which the audio is clipped: 0.1 %."""

AudioQuality = Literal["good", "low", "clipped", "silent", "empty", "no_track"]
AUDIO_QUALITIES: tuple[AudioQuality, ...] = get_args(AudioQuality)
WITHOUT_SOUND: tuple[AudioQuality, ...] = ("silent", "empty", "no_track")
"""Qualities of a clip in which nothing is heard."""


class AudioLevel(BaseModel):
    """Levels of a clip's mono mix at 16 kHz; full scale is 1."""

    model_config = ConfigDict(frozen=True)

    num_samples: int
    peak: float
    rms: float
    clipped: float
    """Share of samples whose absolute value is at least `CLIP_LEVEL`."""


def measure_level(samples: NDArray[np.float32]) -> AudioLevel:
    """Return the levels of samples ``(S,)``."""
    if samples.size == 0:
        return AudioLevel(num_samples=0, peak=0, rms=0, clipped=0)
    magnitude = np.abs(samples)
    return AudioLevel(
        num_samples=samples.size,
        peak=float(magnitude.max()),
        rms=float(np.sqrt(np.square(samples, dtype=np.float64).mean())),
        clipped=float((magnitude >= CLIP_LEVEL).mean()),
    )


def classify_level(level: AudioLevel | None) -> AudioQuality:
    """Return the quality of audio with these levels; None means that there is no audio track."""
    if level is None:
        return "no_track"
    if level.num_samples == 0:
        return "empty"
    if level.peak <= SILENCE_PEAK:
        return "silent"
    if level.clipped >= CLIPPED_SHARE:
        return "clipped"
    return "low" if level.rms < LOW_RMS else "good"
