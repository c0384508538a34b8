"""Encoder of sound whose model reads samples, or the rows of a spectrogram, of any length."""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.errors import DataError, UsageError
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.hub_encoders.encoder import HubEncoder
from egoexobench_plugins.hub_encoders.load import PretrainedModel
from egoexobench_plugins.hub_encoders.ragged import encode_by_length
from egoexobench_plugins.hub_encoders.sound import AudioOutput, load_extractor, split_windows

SECONDS_AT_ONCE = 60
"""Sound of one forward pass, but at least one clip."""


@final
class HubWaveformEncoder(HubEncoder):
    """Encodes all of a clip at once, or windows of it; the options are those of the factory.

    No clip is padded: clips of one length are encoded together. A first layer with a group norm
    would read padding, whatever the mask says.
    """

    modality: Modality = "audio"

    def __init__(
        self,
        pretrained: PretrainedModel,
        *,
        output: AudioOutput,
        layer: int | None,
        window: float | None,
        trained: bool,
    ) -> None:
        super().__init__(pretrained, output=output, layer=layer, trained=trained, has_vectors=False)
        self.extractor = load_extractor(pretrained.folder)
        self.sample_rate: int = self.extractor.sampling_rate
        self.window_samples = None if window is None else round(window * self.sample_rate)
        if not self._has_tokens(self.window_samples or self.sample_rate):
            raise UsageError(f"window={window}: {self.family.model} needs a longer window")
        # rows of a window, which is all that the shape of a prepared clip says of it
        self.window_rows = self.window_samples and len(
            self._extract(np.zeros(self.window_samples, np.float32))
        )

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Return samples ``(S,)`` or rows ``(S, values)``, each window as the extractor gives it.

        Raises:
            DataError: if the sound is too short for one token.
        """
        assert isinstance(source, Audio)  # noqa: S101 - the harness passes this modality
        windows = split_windows(source.waveform, self.window_samples or len(source.waveform))
        # the network gives no token for what is left at the end
        windows = [window for window in windows if self._has_tokens(len(window))]
        if not windows:
            raise DataError(f"a sound of {len(source.waveform)} samples is too short for a token")
        return np.concatenate([self._extract(window) for window in windows])

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens of rows ``(B, S, ...)``: one a clip, or one for each step in time."""
        num_rows = SECONDS_AT_ONCE * self.sample_rate // self.family.frame_samples
        return encode_by_length(values, mask, self._compute, dim=self.dim, num_rows=num_rows)

    def _compute(self, rows: Tensor) -> Tensor:
        windows = torch.split(rows, self.window_rows or rows.shape[1], dim=1)
        results = [self.run_model(**{self.family.input: window}) for window in windows]
        tokens = torch.cat([self.get_states(result) for result in results], 1)
        return tokens.mean(1, keepdim=True) if self.output == "pooled" else tokens

    def _extract(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = self.extractor(window, sampling_rate=self.sample_rate, return_tensors="np")
        rows = np.asarray(batch[self.family.input][0], np.float32)
        if "attention_mask" in batch:  # what the extractor fills in at the end
            rows = rows[batch["attention_mask"][0].astype(bool)]
        return rows

    def _has_tokens(self, num_samples: int) -> bool:
        if self.family.frame_samples > 1:
            return num_samples >= 2 * self.family.frame_samples
        return bool(self.model._get_feat_extract_output_lengths(num_samples) > 0)
