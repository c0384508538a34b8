"""A change that nobody sees or hears, and that no table of exact values survives."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.protocols import Encoder
from egoexobench.types import Audio, Frames, Modality, Tokens

EVERY = 17
"""Which pixel values move; prime, so that rows and colours take turns."""
LATER = 1e-3
"""By how much frame times move, s."""
SOFTER = 1 - 2.0**-10
"""By which factor sound is scaled; 0.008 dB."""


@final
class Nudged:
    """An encoder that is handed nudged pictures and sound; text as it is."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    @property
    def modality(self) -> Modality:
        """As the encoder's."""
        return self.encoder.modality

    @property
    def dim(self) -> int:
        """As the encoder's."""
        return self.encoder.dim

    @property
    def frozen(self) -> bool:
        """As the encoder's."""
        return self.encoder.frozen

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.generic]:
        """Prepare the nudged source."""
        return self.encoder.prepare(nudge(source))

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """As the encoder does."""
        return self.encoder.encode(values, mask)


def nudge(source: Frames | Audio | str) -> Frames | Audio | str:
    """Move one pixel value of 17 by one grey level, times by 1 ms, sound by 0.008 dB.

    Not every value: an encoder that rounds colours takes a step wherever one lies at an edge.
    """
    if isinstance(source, Frames):
        pixels = source.pixels.copy()
        some = pixels.reshape(-1)[::EVERY]
        some[:] = np.where(some < 255, some + 1, 254)
        return Frames(pixels, source.times + LATER)
    if isinstance(source, Audio):
        return Audio(source.waveform * np.float32(SOFTER), source.sample_rate)
    return source
