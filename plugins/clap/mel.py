"""Sound as CLAP is fed it: windows of 10 s at 48 kHz, each a picture of 64 log-mel bands."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

RATE = 48_000
SECONDS = 10
HOP = 480
"""Samples from one row of the picture to the next."""
ROWS = SECONDS * RATE // HOP + 1
BANDS = 64


def windows(samples: NDArray[np.float32], rate: int, fused: bool) -> NDArray[np.float32]:
    """Mono samples ``(S,)`` to ``(W, 1001, 65)``: log-mel bands in dB of W windows of 10 s.

    The last window is repeated up to its end, as released; the last column is 1 at rows of real
    sound and 0 at repetitions.

    Args:
        samples: at least one.
        rate: Hz.
        fused: whether the checkpoint is of the fused kind, whose bands are HTK's and not Slaney's.
    """
    rule = "fusion" if fused else "rand_trunc"
    found = []
    for part in _cut(_resampled(samples, rate)):
        made = _extractor()(part, truncation=rule, padding="repeatpad", sampling_rate=RATE)
        real = (HOP * np.arange(ROWS) < len(part))[:, None]
        found.append(np.concatenate([made["input_features"][0][0], real], 1))
    return np.stack(found).astype(np.float32)


def _cut(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    whole = RATE * SECONDS
    return [samples[start : start + whole] for start in range(0, len(samples), whole)]


def _resampled(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """By torchaudio's windowed sinc, in plain Python, whose settings are all written down."""
    from torchaudio.functional import resample

    found = resample(
        torch.from_numpy(samples),
        rate,
        RATE,
        lowpass_filter_width=6,
        rolloff=0.99,
        resampling_method="sinc_interp_hann",
    )
    array: NDArray[np.float32] = found.numpy()
    return array


@cache
def _extractor() -> Any:
    from transformers import ClapFeatureExtractor

    return ClapFeatureExtractor(
        feature_size=BANDS,
        sampling_rate=RATE,
        hop_length=HOP,
        max_length_s=SECONDS,
        fft_window_size=1024,
        frequency_min=50,
        frequency_max=14_000,
    )
