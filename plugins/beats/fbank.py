"""Log-mel filter banks as Kaldi computes them, in torchaudio's pure Python."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MEAN, DEVIATION = 15.41663, 6.55582
"""Of the log-mel values that BEATs was trained on."""


@dataclass(frozen=True, slots=True)
class Filterbank:
    """What decides the values; the defaults are BEATs'.

    ``scale_before`` takes samples in [-1, 1] to the 16-bit range, on which Kaldi works; a
    ``high_freq`` of 0 is half the rate. Times are in ms, frequencies in Hz.
    """

    sample_rate: int = 16_000
    num_mel_bins: int = 128
    frame_length_ms: float = 25
    frame_shift_ms: float = 10
    window: str = "povey"
    preemphasis: float = 0.97
    remove_dc_offset: bool = True
    snip_edges: bool = True
    low_freq: float = 20.0
    high_freq: float = 0.0
    dither: float = 0.0
    use_log: bool = True
    use_power: bool = True
    scale_before: float = 2.0**15


BEATS = Filterbank()


def fbank(wave: Tensor, bank: Filterbank = BEATS) -> Tensor:
    """Mono samples ``(S,)`` in [-1, 1] to log-mel energies ``(frames, bins)``.

    There are ``1 + (S - 400) // 160`` frames at the default rate and steps.
    """
    from torchaudio.compliance import kaldi

    found: Tensor = kaldi.fbank(
        wave[None] * bank.scale_before,
        sample_frequency=bank.sample_rate,
        num_mel_bins=bank.num_mel_bins,
        frame_length=bank.frame_length_ms,
        frame_shift=bank.frame_shift_ms,
        window_type=bank.window,
        preemphasis_coefficient=bank.preemphasis,
        remove_dc_offset=bank.remove_dc_offset,
        snip_edges=bank.snip_edges,
        low_freq=bank.low_freq,
        high_freq=bank.high_freq,
        dither=bank.dither,
        use_log_fbank=bank.use_log,
        use_power=bank.use_power,
    )
    return found


def normed(waves: Tensor) -> Tensor:
    """Samples ``(B, S)`` to what BEATs is fed: ``(B, frames, 128)`` near zero mean."""
    return (torch.stack([fbank(wave) for wave in waves]) - MEAN) / (2 * DEVIATION)
