"""Encoder of sound whose model reads samples."""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egoexobench.errors import DataError, UsageError
from egoexobench.toolbox import layers
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.hub_encoders.load import PretrainedModel, get_states
from egoexobench_plugins.hub_encoders.ragged import encode_by_length
from egoexobench_plugins.hub_encoders.sound import AudioOutput, load_extractor, split_windows

SECONDS_AT_ONCE = 60
"""Sound of one forward pass, but at least one clip."""


@final
class HubWaveformEncoder(nn.Module):
    """Encodes the samples of a clip; the options are those of the factory.

    No clip is padded: clips of one length are encoded together. A first layer with a group norm
    would read padding, whatever the mask says.
    """

    modality: Modality = "audio"
    train = layers.train_unless_frozen

    def __init__(
        self,
        pretrained: PretrainedModel,
        *,
        output: AudioOutput,
        layer: int | None,
        window: float | None,
        trained: bool,
    ) -> None:
        super().__init__()
        self.model = pretrained.model
        self.content_hash = pretrained.content_hash
        self.output = output
        self.layer = layer
        self.frozen = not trained
        self.extractor = load_extractor(pretrained.folder)
        self.sample_rate: int = self.extractor.sampling_rate
        self.window_samples = None if window is None else round(window * self.sample_rate)
        if not self._has_tokens(self.window_samples or self.sample_rate):
            raise UsageError(f"window={window}: {pretrained.family.model} needs a longer window")
        self.dim = pretrained.get_width(is_pooler=False)
        layers.set_trainable(self, trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Return samples ``(S,)``, each window of them scaled as the model's extractor does.

        Raises:
            DataError: if the sound is too short for one token.
        """
        assert isinstance(source, Audio)  # noqa: S101 - the harness passes this modality
        windows = split_windows(source.waveform, self.window_samples or len(source.waveform))
        # the network gives no token for what is left at the end
        windows = [window for window in windows if self._has_tokens(len(window))]
        if not windows:
            raise DataError(f"a sound of {len(source.waveform)} samples is too short for a token")
        scaled = [
            self.extractor(window, sampling_rate=self.sample_rate, return_tensors="np")
            for window in windows
        ]
        return np.concatenate([batch["input_values"][0] for batch in scaled], dtype=np.float32)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens of samples ``(B, S)``: one a clip, or one for each step in time."""
        num_rows = SECONDS_AT_ONCE * self.sample_rate
        return encode_by_length(values, mask, self._compute, dim=self.dim, num_rows=num_rows)

    def _compute(self, samples: Tensor) -> Tensor:
        windows = torch.split(samples, self.window_samples or samples.shape[1], dim=1)
        results = [
            self.model(window, output_hidden_states=self.layer is not None) for window in windows
        ]
        tokens = torch.cat([get_states(result, self.layer) for result in results], 1)
        return tokens.mean(1, keepdim=True) if self.output == "pooled" else tokens

    def _has_tokens(self, num_samples: int) -> bool:
        return bool(self.model._get_feat_extract_output_lengths(num_samples) > 0)
