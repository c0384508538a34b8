"""Encoder of sound whose model reads windows of a spectrogram."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.errors import DataError, UsageError
from egoexobench.toolbox import layers
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.hub_encoders.encoder import HubEncoder
from egoexobench_plugins.hub_encoders.load import PretrainedModel
from egoexobench_plugins.hub_encoders.sound import AudioOutput, load_extractor, split_windows

WINDOWS_AT_ONCE = 16
"""Windows of one forward pass."""


@final
class HubSpectrogramEncoder(HubEncoder):
    """Encodes windows of a spectrogram; the options are those of the factory.

    A longer clip is read in several windows, where the library would cut it, at random or at the
    end. Tokens of what the extractor fills in behind the sound are masked.
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
        super().__init__(
            pretrained, output=output, layer=layer, trained=trained, has_vectors=output == "pooled"
        )
        self.extractor = load_extractor(pretrained.folder)
        self.sample_rate: int = self.extractor.sampling_rate
        self.longest_s = self._get_longest_s()
        if window is not None and not 0 < window <= self.longest_s:
            raise UsageError(
                f"window={window:g}: {self.family.model} reads {self.longest_s:g} s at most"
            )
        self.window_samples = round((window or self.longest_s) * self.sample_rate)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Return windows ``(W, rows, bands + 1)``; the last column is 1 at rows of the sound.

        Raises:
            DataError: if the sound is too short for one row.
        """
        assert isinstance(source, Audio)  # noqa: S101 - the harness passes this modality
        windows = split_windows(source.waveform, self.window_samples)
        counts = [self._count_rows(len(window)) for window in windows]
        prepared = [
            self._prepare_window(window, count)
            for window, count in zip(windows, counts, strict=True)
            if count > 0
        ]
        if not prepared:
            raise DataError(f"a sound of {len(source.waveform)} samples is too short for a token")
        return np.stack(prepared)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens of windows ``(B, W, rows, bands + 1)``: a clip, a time or a patch each."""
        real = values[mask]  # (N, rows, bands + 1)
        if not len(real):
            return Tokens(values.new_zeros(len(values), 1, self.dim), mask[:, :1])
        outputs = [self._compute(windows) for windows in torch.split(real, WINDOWS_AT_ONCE)]
        window_tokens = torch.cat([tokens for tokens, _ in outputs])  # (N, T, dim)
        is_sound = torch.cat([is_real for _, is_real in outputs])  # (N, T)
        tokens = window_tokens.new_zeros(*mask.shape, *window_tokens.shape[1:])
        tokens[mask] = window_tokens
        token_mask = mask.new_zeros(*mask.shape, is_sound.shape[1])
        token_mask[mask] = is_sound
        result = Tokens(tokens.flatten(1, 2), token_mask.flatten(1, 2))
        if self.output != "pooled":
            return result
        return Tokens(layers.masked_mean(result)[:, None], result.mask.any(1, keepdim=True))

    def _compute(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the tokens ``(N, T, dim)`` of windows, and which of them are of the sound."""
        spectrogram, is_row = windows[..., :-1], windows[..., -1] > 0
        result = self._run(spectrogram)
        if self.is_published and self.pooling == "pooler":
            pooled: Tensor = result.pooler_output
            return pooled[:, None], is_row[:, :1]
        by_time = self._sort_by_time(self.get_states(result))  # (N, steps, bands, dim)
        num_steps, num_bands = by_time.shape[1:3]
        is_step = is_row[:, self._list_first_rows(num_steps, windows.shape[1])]
        if self.output == "tokens":
            return by_time.flatten(1, 2), is_step.repeat_interleave(num_bands, 1)
        return by_time.mean(2), is_step

    def _run(self, spectrogram: Tensor) -> Any:
        is_longer = torch.zeros(len(spectrogram), 1, dtype=torch.bool, device=spectrogram.device)
        arguments: dict[str, Any] = {}
        match self.family.spectrogram:
            case "ast":
                arguments["input_values"] = spectrogram
            case "clap":
                arguments["input_features"] = spectrogram[:, None]
                arguments["is_longer"] = is_longer
            case "whisper":
                arguments["input_features"] = spectrogram.transpose(1, 2)
        return self.run_model(**arguments)

    def _sort_by_time(self, states: Tensor) -> Tensor:
        match self.family.spectrogram:
            case "ast":
                config = self.model.config
                num_bands = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
                places = states[:, self.num_special :]
                return places.reshape(len(states), num_bands, -1, self.dim).transpose(1, 2)
            case "clap":
                return states.permute(0, 3, 2, 1)
            case _:
                return states[:, :, None]

    def _list_first_rows(self, num_steps: int, num_rows: int) -> Tensor:
        """Return the first row of each step in time."""
        steps = torch.arange(num_steps)
        if self.family.spectrogram == "ast":
            return steps * int(self.model.config.time_stride)
        return steps * num_rows // num_steps

    def _prepare_window(self, window: NDArray[np.float32], num_rows: int) -> NDArray[np.float32]:
        arguments = dict(self.family.processor_arguments)
        if getattr(self.extractor, "truncation", None) == "fusion":
            arguments["truncation"] = "fusion"
        batch = self.extractor(
            window, sampling_rate=self.sample_rate, return_tensors="np", **arguments
        )
        name = "input_values" if self.family.spectrogram == "ast" else "input_features"
        spectrogram = np.asarray(batch[name][0], np.float32)
        if self.family.spectrogram == "clap":
            spectrogram = spectrogram[0]
        elif self.family.spectrogram == "whisper":
            spectrogram = spectrogram.T
        is_row = np.arange(len(spectrogram)) < num_rows
        return np.concatenate([spectrogram, is_row[:, None]], 1, dtype=np.float32)

    def _count_rows(self, num_samples: int) -> int:
        """Return how many rows of a spectrogram a sound of a window has."""
        if self.family.spectrogram == "ast":  # Kaldi's frames of 25 ms, all inside of the sound
            return (num_samples - self.sample_rate // 40) // (self.sample_rate // 100) + 1
        return -(-num_samples // int(self.extractor.hop_length))

    def _get_longest_s(self) -> float:
        match self.family.spectrogram:
            case "ast":
                return int(self.extractor.max_length) / 100
            case "clap":
                return float(self.extractor.max_length_s)
            case _:
                return float(self.extractor.chunk_length)
