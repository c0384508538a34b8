"""Log-mel means over fixed steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import torch

from egoexobench.types import Audio, Frames, Modality, Tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

SAMPLE_RATE = 16_000
WINDOW_SAMPLES = 512
STEP_SAMPLES = 160
MIN_POWER = 1e-6


@final
class LogMelEncoder:
    """Encodes audio as log-mel means; the options are those of the factory."""

    modality: Modality = "audio"
    frozen = True

    def __init__(self, mels: int, hop: float) -> None:
        from torchaudio.functional import melscale_fbanks

        self.dim = mels
        self.steps = max(round(hop * SAMPLE_RATE / STEP_SAMPLES), 1)
        self.window = torch.hann_window(WINDOW_SAMPLES)
        self.filters: Tensor = melscale_fbanks(
            WINDOW_SAMPLES // 2 + 1,
            f_min=50.0,
            f_max=SAMPLE_RATE / 2,
            n_mels=mels,
            sample_rate=SAMPLE_RATE,
        )

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Return a row per token, ``(T, mels)``."""
        assert isinstance(source, Audio)  # noqa: S101 - the harness passes this modality
        assert source.sample_rate == SAMPLE_RATE  # noqa: S101
        wave = torch.from_numpy(source.waveform)
        wave = torch.nn.functional.pad(wave, (0, max(WINDOW_SAMPLES - len(wave), 0)))
        spectrum = torch.stft(
            wave, WINDOW_SAMPLES, STEP_SAMPLES, window=self.window, return_complex=True
        )
        power = spectrum.abs().square().T @ self.filters  # (frames, mels)
        level = power.clamp(min=MIN_POWER).log()
        tokens = [chunk.mean(0) for chunk in torch.split(level, self.steps)]
        rows = torch.stack(tokens[:-1] if len(level) % self.steps and len(tokens) > 1 else tokens)
        return (rows - rows.mean()).numpy()

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return the prepared rows as tokens."""
        return Tokens(values, mask)
