"""Changes frames and audio so little that nobody perceives it, but no exact lookup survives it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from egoexobench.types import Audio, Frames

PIXEL_STRIDE = 17
"""Every 17th pixel value changes; the number is prime, so that rows and colors alternate."""
TIME_SHIFT_S = 1e-3
"""By how much frame times move, in seconds."""
GAIN = 1 - 2.0**-10
"""Factor by which audio is scaled; 0.008 dB."""


def perturb_source(source: Frames | Audio | str) -> Frames | Audio | str:
    """Change one pixel value of 17 by one gray level, times by 1 ms and audio by 0.008 dB.

    Not every value changes, because an encoder that rounds colors jumps where one lies at an edge.
    """
    if isinstance(source, Frames):
        pixels = source.pixels.copy()
        some = pixels.reshape(-1)[::PIXEL_STRIDE]
        some[:] = np.where(some < 255, some + 1, 254)
        return replace(source, pixels=pixels, times=source.times + TIME_SHIFT_S)
    if isinstance(source, Audio):
        return Audio(source.waveform * np.float32(GAIN), source.sample_rate)
    return source
