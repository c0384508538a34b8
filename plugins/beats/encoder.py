"""The audio encoder: from samples to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, final

import torch
from torch import Tensor, nn

from egoexobench.toolbox import layers
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.beats.model import BEATsModel, extract_fbank

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE = 16_000


@final
class BEATsEncoder(nn.Module):
    """Encodes audio with BEATs; the options are those of the factory."""

    modality: Modality = "audio"
    train = layers.train_unless_frozen

    def __init__(
        self, model: BEATsModel, output: Literal["patches", "frames"], trained: bool
    ) -> None:
        super().__init__()
        self.model = model
        self.output = output
        self.frozen = not trained
        self.dim = self.model.config.encoder_embed_dim
        layers.set_trainable(self, trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Return normalized filter banks ``(frames, 128)``, cut to complete patches.

        Raises:
            DataError: if the audio is shorter than a patch (2,800 samples).
        """
        assert isinstance(source, Audio)  # noqa: S101 - the harness passes this modality
        assert source.sample_rate == SAMPLE_RATE  # noqa: S101
        side = self.model.config.input_patch_size
        rows = extract_fbank(torch.tensor(source.waveform)[None], side)[0]
        return rows[: len(rows) // side * side].numpy()

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return the tokens of filter banks ``(B, frames, 128)``, as `output` says."""
        side = self.model.config.input_patch_size
        if values.shape[1] < side:  # no clip of the batch has audio
            return Tokens(values.new_zeros(len(values), 1, self.dim), mask[:, :1] & False)
        steps = mask[:, ::side][:, : values.shape[1] // side]
        bands = values.shape[2] // side
        real = steps.repeat_interleave(bands, 1)
        tokens = self.model.encode_tokens(values, None if bool(real.all()) else ~real)
        if self.output == "frames":
            return Tokens(tokens.view(len(tokens), -1, bands, self.dim).mean(2), steps)
        return Tokens(tokens, real)
