"""Changes frames and audio so little that nobody perceives it, but no exact lookup survives it."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.protocols import Encoder
from egoexobench.types import Audio, Frames, Modality, Tokens

PIXEL_STRIDE = 17
"""Every 17th pixel value changes; the number is prime, so that rows and colors alternate."""
TIME_SHIFT_S = 1e-3
"""By how much frame times move, in seconds."""
GAIN = 1 - 2.0**-10
"""Factor by which audio is scaled; 0.008 dB."""


@final
class PerturbedEncoder:
    """An encoder whose frames and audio are perturbed; it reads texts unchanged."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    @property
    def modality(self) -> Modality:
        """The modality of the encoder."""
        return self.encoder.modality

    @property
    def dim(self) -> int:
        """The token width of the encoder."""
        return self.encoder.dim

    @property
    def frozen(self) -> bool:
        """Whether the encoder is frozen."""
        return self.encoder.frozen

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.generic]:
        """Prepare the perturbed source."""
        return self.encoder.prepare(perturb_source(source))

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Encode as the encoder does."""
        return self.encoder.encode(values, mask)


def perturb_source(source: Frames | Audio | str) -> Frames | Audio | str:
    """Change one pixel value of 17 by one gray level, times by 1 ms and audio by 0.008 dB.

    Not every value changes, because an encoder that rounds colors jumps where one lies at an edge.
    """
    if isinstance(source, Frames):
        pixels = source.pixels.copy()
        some = pixels.reshape(-1)[::PIXEL_STRIDE]
        some[:] = np.where(some < 255, some + 1, 254)
        return Frames(pixels, source.times + TIME_SHIFT_S)
    if isinstance(source, Audio):
        return Audio(source.waveform * np.float32(GAIN), source.sample_rate)
    return source
