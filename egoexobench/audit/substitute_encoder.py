"""An encoder that prepares another source than the one it gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.features.encoder_runner import get_sample_rate
from egoexobench.protocols import Encoder
from egoexobench.types import Audio, Frames, Modality, Tokens

Source = Frames | Audio | str


@final
class SubstituteEncoder:
    """An encoder whose sources are replaced before it prepares them.

    Args:
        encoder: the encoder.
        replace_source: returns what the encoder prepares instead of a source.
    """

    def __init__(self, encoder: Encoder, replace_source: Callable[[Source], Source]) -> None:
        self.encoder, self.replace_source = encoder, replace_source

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

    @property
    def sample_rate(self) -> int:
        """The sample rate that the encoder reads, Hz."""
        return get_sample_rate(self.encoder)

    def prepare(self, source: Source) -> NDArray[np.generic]:
        """Prepare what stands for the source."""
        return self.encoder.prepare(self.replace_source(source))

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Encode as the encoder does."""
        return self.encoder.encode(values, mask)
