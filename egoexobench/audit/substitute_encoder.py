"""An encoder that prepares another source than the one it gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.audit.encoder_wrapper import EncoderWrapper
from egoexobench.protocols import Encoder
from egoexobench.types import Audio, Frames, Tokens

Source = Frames | Audio | str


@final
class SubstituteEncoder(EncoderWrapper):
    """An encoder whose sources are replaced before it prepares them.

    Args:
        encoder: the encoder.
        replace_source: returns what the encoder prepares instead of a source.
    """

    def __init__(self, encoder: Encoder, replace_source: Callable[[Source], Source]) -> None:
        super().__init__(encoder)
        self.replace_source = replace_source

    def prepare(self, source: Source) -> NDArray[np.generic]:
        """Prepare what stands for the source."""
        return self.encoder.prepare(self.replace_source(source))

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Encode as the encoder does."""
        return self.encoder.encode(values, mask)
