"""An encoder around another one, which has the attributes of that one."""

from __future__ import annotations

from egoexobench.features.encoder_runner import get_sample_rate
from egoexobench.protocols import Encoder
from egoexobench.types import Modality


class EncoderWrapper:
    """The attributes of an encoder; `prepare` and `encode` are those of a subclass."""

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

    @property
    def sample_rate(self) -> int:
        """The sample rate that the encoder reads, Hz."""
        return get_sample_rate(self.encoder)
