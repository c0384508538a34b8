"""Parts around another one: they replace its sources, and mark its calls as code of a part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.audit.data_access import part_code
from egoexobench.features.encoder_runner import get_sample_rate
from egoexobench.protocols import AnyEncoder, AudioCaptioner, Encoder, JointEncoder
from egoexobench.types import Audio, Frames, Modality, Tokens, Transcript

Source = Frames | Audio | str
ReplaceSource = Callable[[Source], Source]


def wrap_encoder(encoder: AnyEncoder, replace_source: ReplaceSource) -> AnyEncoder:
    """Return an encoder whose sources are replaced before it prepares them.

    Args:
        encoder: its calls are marked as code of a part.
        replace_source: returns what the encoder prepares instead of a source.
    """
    if isinstance(encoder, JointEncoder):
        return JointEncoderWrapper(encoder, replace_source)
    return EncoderWrapper(encoder, replace_source)


class _Attributes:
    """The attributes of an encoder."""

    def __init__(self, encoder: AnyEncoder) -> None:
        self.inner = encoder

    @property
    def modality(self) -> Modality:
        """The modality of the encoder."""
        return self.inner.modality

    @property
    def dim(self) -> int:
        """The token width of the encoder."""
        return self.inner.dim

    @property
    def frozen(self) -> bool:
        """Whether the encoder is frozen."""
        return self.inner.frozen

    @property
    def sample_rate(self) -> int:
        """The sample rate that the encoder reads, Hz."""
        return get_sample_rate(self.inner)


@final
class EncoderWrapper(_Attributes):
    """An encoder of one input."""

    def __init__(self, encoder: Encoder, replace_source: ReplaceSource) -> None:
        super().__init__(encoder)
        self.encoder, self.replace_source = encoder, replace_source

    def prepare(self, source: Source) -> NDArray[np.generic]:
        """Prepare what stands for the source."""
        replaced = self.replace_source(source)
        with part_code():
            return self.encoder.prepare(replaced)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Encode as the encoder does."""
        with part_code():
            return self.encoder.encode(values, mask)


@final
class JointEncoderWrapper(_Attributes):
    """An encoder of picture and sound together."""

    def __init__(self, encoder: JointEncoder, replace_source: ReplaceSource) -> None:
        super().__init__(encoder)
        self.encoder, self.replace_source = encoder, replace_source

    def prepare_video(self, source: Frames) -> NDArray[np.generic]:
        """Prepare what stands for the frames."""
        replaced: Any = self.replace_source(source)
        with part_code():
            return self.encoder.prepare_video(replaced)

    def prepare_audio(self, source: Audio) -> NDArray[np.generic]:
        """Prepare what stands for the sound."""
        replaced: Any = self.replace_source(source)
        with part_code():
            return self.encoder.prepare_audio(replaced)

    def encode(
        self, video_values: Tensor, video_mask: Tensor, audio_values: Tensor, audio_mask: Tensor
    ) -> Tokens:
        """Encode as the encoder does."""
        with part_code():
            return self.encoder.encode(video_values, video_mask, audio_values, audio_mask)


@final
class AudioCaptionerWrapper:
    """A captioner that listens."""

    def __init__(self, captioner: AudioCaptioner, replace_source: ReplaceSource) -> None:
        self.captioner, self.replace_source = captioner, replace_source

    @property
    def sample_rate(self) -> int:
        """The sample rate that the captioner reads, Hz."""
        return self.captioner.sample_rate

    @property
    def key(self) -> Mapping[str, object]:
        """What decides a transcript."""
        return self.captioner.key

    def transcribe(self, sounds: Iterable[Audio]) -> Iterator[Transcript]:
        """Write down what stands for each sound, one at a time."""
        for sound in sounds:
            replaced: Any = self.replace_source(sound)
            with part_code():
                transcripts = list(self.captioner.transcribe(iter([replaced])))
            yield from transcripts
