"""Rows of a log spectrogram, and the rows that belong to each frame."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.types import Audio, Tokens

SAMPLE_RATE = 16_000
WINDOW_SAMPLES, STEP_SAMPLES = 512, 159
"""Windows of 512 samples that overlap by 353, as in the release."""
NUM_BINS = WINDOW_SAMPLES // 2 + 1
_FLOOR = 1e-7
_MIN_DEVIATION = 1e-5
"""Of a spectrogram that is all alike, such as that of silence."""


def compute_rows(source: Audio, hop: float) -> NDArray[np.float32]:
    """Return means ``(S, 257)`` of the log spectrogram over `hop` seconds each.

    The spectrogram of a clip has mean 0 and deviation 1, as in the release. A last step that is
    not complete is left out, unless it is the only one.
    """
    wave = torch.from_numpy(source.waveform)
    wave = torch.nn.functional.pad(wave, (0, max(WINDOW_SAMPLES - len(wave), 0)))
    spectrum = torch.stft(
        wave,
        WINDOW_SAMPLES,
        STEP_SAMPLES,
        window=torch.hann_window(WINDOW_SAMPLES),
        center=False,
        return_complex=True,
    )
    level = (spectrum.abs().square().T + _FLOOR).log()  # (windows, bins)
    level = (level - level.mean()) / level.std().clamp(min=_MIN_DEVIATION)
    steps = max(round(hop * SAMPLE_RATE / STEP_SAMPLES), 1)
    chunks = torch.split(level, steps)
    complete = chunks[:-1] if len(level) % steps and len(chunks) > 1 else chunks
    return torch.stack([chunk.mean(0) for chunk in complete]).numpy()


def divide_sound(rows: Tokens, num_frames: Tensor, num_columns: int, num_sounds: int) -> Tokens:
    """Return the sound vectors of each frame ``(B, T, P, A)``.

    The sound of a clip is divided into as many equal parts as it has frames, and each of these into
    P. A vector is the mean of the rows of a part, and of the nearest row if there are fewer rows
    than parts.

    Args:
        rows: of the sounds, ``(B, S, A)``.
        num_frames: ``(B,)``, the number of frames of each clip.
        num_columns: T, the number of frames of the longest clip.
        num_sounds: P, vectors of a frame.
    """
    lengths = rows.mask.sum(1)[:, None]  # (B, 1)
    parts = (num_frames * num_sounds)[:, None]
    index = torch.arange(num_columns * num_sounds, device=rows.mask.device)  # (T * P,)
    is_real = (index < parts) & (lengths > 0)
    start = index * lengths // parts.clamp(min=1)
    end = torch.maximum((index + 1) * lengths // parts.clamp(min=1), start + 1)
    column = torch.arange(rows.mask.shape[1], device=rows.mask.device)
    is_in_part = (column >= start[..., None]) & (column < end[..., None]) & is_real[..., None]
    weights = is_in_part.to(rows.values) / (end - start)[..., None]
    values = rows.values.masked_fill(~rows.mask[..., None], 0.0)
    vectors = torch.einsum("bks,bsa->bka", weights, values)
    shape = (len(vectors), num_columns, num_sounds)
    return Tokens(vectors.reshape(*shape, vectors.shape[-1]), is_real.reshape(shape))
