"""How a clip's sound is: levels measured once, judged against limits that are written here."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

SILENCE_PEAK = 2.0**-15
"""Peak up to which sound is digital silence, of full scale: one step of 16 bits, as in a run."""
LOW_RMS = 10 ** (-60 / 20)
"""Root mean square below which the level is low, of full scale: -60 dBFS."""
CLIP_LEVEL = 0.99
"""Size from which a sample counts as at full scale."""
CLIPPED_SHARE = 0.001
"""Share of samples at full scale from which sound is clipped: 0.1 %."""

AudioQuality = Literal["good", "low", "clipped", "silent", "empty", "no track"]
AUDIO_QUALITIES: tuple[AudioQuality, ...] = get_args(AudioQuality)


class AudioLevel(BaseModel):
    """Of a clip's mono mix at 16 kHz; sizes are shares of full scale."""

    model_config = ConfigDict(frozen=True)

    num_samples: int
    peak: float
    rms: float
    clipped: float
    """Share of samples of at least `FULL`."""


def measure_level(samples: NDArray[np.float32]) -> AudioLevel:
    """Return the levels of samples ``(S,)``."""
    if samples.size == 0:
        return AudioLevel(num_samples=0, peak=0, rms=0, clipped=0)
    size = np.abs(samples)
    return AudioLevel(
        num_samples=samples.size,
        peak=float(size.max()),
        rms=float(np.sqrt(np.square(samples, dtype=np.float64).mean())),
        clipped=float((size >= CLIP_LEVEL).mean()),
    )


def classify_level(level: AudioLevel | None) -> AudioQuality:
    """Return what the levels mean; None is a file without an audio track."""
    if level is None:
        return "no track"
    if level.num_samples == 0:
        return "empty"
    if level.peak <= SILENCE_PEAK:
        return "silent"
    if level.clipped >= CLIPPED_SHARE:
        return "clipped"
    return "low" if level.rms < LOW_RMS else "good"
