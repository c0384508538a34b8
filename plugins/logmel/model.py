"""Log-mel means over fixed steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import torch

from egoexobench.types import Audio, Frames, Modality, Tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

RATE = 16_000
WINDOW = 512
STEP = 160
FLOOR = 1e-6


@final
class LogMel:
    """Options as in the factory."""

    modality: Modality = "audio"
    frozen = True

    def __init__(self, mels: int, hop: float) -> None:
        from torchaudio.functional import melscale_fbanks

        self.dim = mels
        self.steps = max(round(hop * RATE / STEP), 1)
        self.window = torch.hann_window(WINDOW)
        self.filters: Tensor = melscale_fbanks(
            WINDOW // 2 + 1, f_min=50.0, f_max=RATE / 2, n_mels=mels, sample_rate=RATE
        )

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Samples ``(S,)`` to ``(T, mels)``."""
        assert isinstance(source, Audio)  # noqa: S101 - the harness hands over its modality
        assert source.sample_rate == RATE  # noqa: S101
        wave = torch.from_numpy(source.waveform)
        wave = torch.nn.functional.pad(wave, (0, max(WINDOW - len(wave), 0)))
        spectrum = torch.stft(wave, WINDOW, STEP, window=self.window, return_complex=True)
        power = spectrum.abs().square().T @ self.filters  # (frames, mels)
        level = power.clamp(min=FLOOR).log()
        tokens = [part.mean(0) for part in torch.split(level, self.steps)]
        rows = torch.stack(tokens[:-1] if len(level) % self.steps and len(tokens) > 1 else tokens)
        return (rows - rows.mean()).numpy()

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """The prepared rows are the tokens."""
        return Tokens(values, mask)
