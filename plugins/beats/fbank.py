"""Log-mel filter banks as Kaldi computes them, in torchaudio's pure Python."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

FBANK_MEAN, FBANK_STD = 15.41663, 6.55582
"""Mean and standard deviation of the log-mel values that BEATs was trained on."""


@dataclass(frozen=True, slots=True)
class FbankConfig:
    """Settings of the filter bank; the defaults are BEATs'.

    ``scale_before`` multiplies samples in [-1, 1] to the 16-bit range that Kaldi expects. A
    ``high_freq`` of 0 is half of the sample rate. Times are in ms, frequencies in Hz.
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


BEATS_FBANK = FbankConfig()


def compute_fbank(waveform: Tensor, config: FbankConfig = BEATS_FBANK) -> Tensor:
    """Return the log-mel energies ``(frames, bins)`` of mono samples ``(S,)`` in [-1, 1].

    With the default sample rate and frame shift these are ``1 + (S - 400) // 160`` frames.
    """
    from torchaudio.compliance import kaldi

    log_mel: Tensor = kaldi.fbank(
        waveform[None] * config.scale_before,
        sample_frequency=config.sample_rate,
        num_mel_bins=config.num_mel_bins,
        frame_length=config.frame_length_ms,
        frame_shift=config.frame_shift_ms,
        window_type=config.window,
        preemphasis_coefficient=config.preemphasis,
        remove_dc_offset=config.remove_dc_offset,
        snip_edges=config.snip_edges,
        low_freq=config.low_freq,
        high_freq=config.high_freq,
        dither=config.dither,
        use_log_fbank=config.use_log,
        use_power=config.use_power,
    )
    return log_mel


def compute_normalized_fbank(waveforms: Tensor) -> Tensor:
    """Return BEATs' input ``(B, frames, 128)``, with a mean near 0, for samples ``(B, S)``."""
    return (torch.stack([compute_fbank(waveform) for waveform in waveforms]) - FBANK_MEAN) / (
        2 * FBANK_STD
    )
