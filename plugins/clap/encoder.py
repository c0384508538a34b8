"""The audio encoder: from samples to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor, nn

from egoexobench.errors import DataError
from egoexobench.toolbox import layers
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.clap.mel import NUM_BANDS, compute_windows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@final
class CLAPEncoder(nn.Module):
    """Encodes audio with CLAP; ``model`` is the tower of transformers."""

    modality: Modality = "audio"
    train = layers.train_unless_frozen

    def __init__(self, model: Any, trained: bool) -> None:
        super().__init__()
        self.model = model
        self.frozen = not trained
        self.dim: int = model.audio_encoder.num_features
        layers.set_trainable(self, trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Return the windows ``(W, 1001, 65)`` of the audio; see `mel.compute_windows`.

        Raises:
            DataError: if the audio has no sample.
        """
        assert isinstance(source, Audio)  # noqa: S101 - the harness passes this modality
        if not len(source.waveform):
            raise DataError("clap: the audio has no sample")
        return compute_windows(source.waveform, source.sample_rate, self.model.config.enable_fusion)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens ``(B, W * 32, dim)`` of 0.3125 s each for windows ``(B, W, 1001, 65)``."""
        if not bool(mask.any()):  # no clip of the batch has audio
            return Tokens(values.new_zeros(len(values), 1, self.dim), mask[:, :1] & False)
        real = values[mask]  # (N, 1001, 65)
        is_longer = torch.zeros(len(real), 1, dtype=torch.bool, device=values.device)
        output = self.model(input_features=real[:, None, :, :NUM_BANDS], is_longer=is_longer)
        # (N, D, bands, steps): the mean over the bands of a step is a token
        step_tokens = output.last_hidden_state.mean(2).transpose(1, 2)
        starts = torch.arange(step_tokens.shape[1], device=values.device) * real.shape[1]
        is_audio = real[:, starts // step_tokens.shape[1], NUM_BANDS] > 0  # (N, steps)
        tokens = values.new_zeros(*mask.shape, *step_tokens.shape[1:])
        tokens = tokens.masked_scatter(mask[..., None, None], step_tokens.to(tokens))
        token_mask = is_audio.new_zeros(*mask.shape, step_tokens.shape[1])
        token_mask = token_mask.masked_scatter(mask[..., None], is_audio)
        return Tokens(tokens.flatten(1, 2), token_mask.flatten(1, 2))
