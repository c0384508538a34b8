"""From sound to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor, nn

from egoexobench.errors import DataError
from egoexobench.toolbox import layers
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.clap.mel import BANDS, windows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@final
class Hearing(nn.Module):
    """Options as in the factory; ``model`` is transformers'."""

    modality: Modality = "audio"
    train = layers.train_unless_frozen

    def __init__(self, model: Any, trained: bool) -> None:
        super().__init__()
        self.model = model
        self.frozen = not trained
        self.dim: int = model.audio_encoder.num_features
        layers.set_trainable(self, trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Samples to windows ``(W, 1001, 65)``; see `mel.windows`.

        Raises:
            DataError: for a sound without a sample.
        """
        assert isinstance(source, Audio)  # noqa: S101 - the harness hands over its modality
        if not len(source.waveform):
            raise DataError("clap: a sound has no sample")
        return windows(source.waveform, source.sample_rate, self.model.config.enable_fusion)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Windows ``(B, W, 1001, 65)`` to tokens ``(B, W * 32, dim)``, 0.3125 s each."""
        if not bool(mask.any()):  # no clip of the batch has any sound
            return Tokens(values.new_zeros(len(values), 1, self.dim), mask[:, :1] & False)
        real = values[mask]  # (N, 1001, 65)
        longer = torch.zeros(len(real), 1, dtype=torch.bool, device=values.device)
        found = self.model(input_features=real[:, None, :, :BANDS], is_longer=longer)
        # (N, D, bands, steps): what a step hears in all bands is one token
        steps = found.last_hidden_state.mean(2).transpose(1, 2)
        starts = torch.arange(steps.shape[1], device=values.device) * real.shape[1]
        heard = real[:, starts // steps.shape[1], BANDS] > 0  # (N, steps)
        tokens = values.new_zeros(*mask.shape, *steps.shape[1:])
        tokens = tokens.masked_scatter(mask[..., None, None], steps.to(tokens))
        shown = heard.new_zeros(*mask.shape, steps.shape[1])
        shown = shown.masked_scatter(mask[..., None], heard)
        return Tokens(tokens.flatten(1, 2), shown.flatten(1, 2))
