"""How a clip's sound is: levels measured once, judged against limits that are written here."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

SILENT = 2.0**-15
"""Peak up to which sound is digital silence, of full scale: one step of 16 bits, as in a run."""
LOW = 10 ** (-60 / 20)
"""Root mean square below which the level is low, of full scale: -60 dBFS."""
FULL = 0.99
"""Size from which a sample counts as at full scale."""
CLIPPED = 0.001
"""Share of samples at full scale from which sound is clipped: 0.1 %."""

Judgement = Literal["good", "low", "clipped", "silent", "empty", "no track"]
JUDGEMENTS: tuple[Judgement, ...] = get_args(Judgement)


class Level(BaseModel):
    """Of a clip's mono mix at 16 kHz; sizes are shares of full scale."""

    model_config = ConfigDict(frozen=True)

    samples: int
    peak: float
    rms: float
    full: float
    """Share of samples of at least `FULL`."""


def measure(samples: NDArray[np.float32]) -> Level:
    """Return the levels of samples ``(S,)``."""
    if samples.size == 0:
        return Level(samples=0, peak=0, rms=0, full=0)
    size = np.abs(samples)
    return Level(
        samples=samples.size,
        peak=float(size.max()),
        rms=float(np.sqrt(np.square(samples, dtype=np.float64).mean())),
        full=float((size >= FULL).mean()),
    )


def judge(level: Level | None) -> Judgement:
    """Return what the levels mean; None is a file without an audio track."""
    if level is None:
        return "no track"
    if level.samples == 0:
        return "empty"
    if level.peak <= SILENT:
        return "silent"
    if level.full >= CLIPPED:
        return "clipped"
    return "low" if level.rms < LOW else "good"
