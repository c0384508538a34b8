"""CLAP's input: windows of 10 s at 48 kHz, each a spectrogram of 64 log-mel bands."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

SAMPLE_RATE = 48_000
WINDOW_S = 10
HOP_SAMPLES = 480
"""Samples between two rows of the spectrogram."""
WINDOW_ROWS = WINDOW_S * SAMPLE_RATE // HOP_SAMPLES + 1
NUM_BANDS = 64


def compute_windows(samples: NDArray[np.float32], rate: int, fused: bool) -> NDArray[np.float32]:
    """Return log-mel bands in dB, ``(W, 1001, 65)``, of W windows of 10 s.

    The last window is filled with repetitions, as released. The last column is 1 at rows of the
    clip and 0 at repetitions.

    Args:
        samples: mono samples ``(S,)``, at least one.
        rate: sample rate, Hz.
        fused: whether the checkpoint has fusion; its bands are HTK's, otherwise Slaney's.
    """
    truncation = "fusion" if fused else "rand_trunc"
    windows = []
    for window in _split_windows(_resample_audio(samples, rate)):
        features = _get_extractor()(
            window, truncation=truncation, padding="repeatpad", sampling_rate=SAMPLE_RATE
        )
        is_audio = (HOP_SAMPLES * np.arange(WINDOW_ROWS) < len(window))[:, None]
        windows.append(np.concatenate([features["input_features"][0][0], is_audio], 1))
    return np.stack(windows).astype(np.float32)


def _split_windows(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    window_samples = SAMPLE_RATE * WINDOW_S
    return [
        samples[start : start + window_samples] for start in range(0, len(samples), window_samples)
    ]


def _resample_audio(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Resample with torchaudio's windowed sinc; all of its settings are written out."""
    from torchaudio.functional import resample

    resampled = resample(
        torch.from_numpy(samples),
        rate,
        SAMPLE_RATE,
        lowpass_filter_width=6,
        rolloff=0.99,
        resampling_method="sinc_interp_hann",
    )
    array: NDArray[np.float32] = resampled.numpy()
    return array


@cache
def _get_extractor() -> Any:
    from transformers import ClapFeatureExtractor

    return ClapFeatureExtractor(
        feature_size=NUM_BANDS,
        sampling_rate=SAMPLE_RATE,
        hop_length=HOP_SAMPLES,
        max_length_s=WINDOW_S,
        fft_window_size=1024,
        frequency_min=50,
        frequency_max=14_000,
    )
