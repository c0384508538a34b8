import numpy as np
import pytest

from egoexobench.data.audio_levels import (
    CLIP_LEVEL,
    CLIPPED_SHARE,
    LOW_RMS,
    classify_level,
    measure_level,
)

RATE = 16_000


def make_noise(rms: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, rms, RATE).astype(np.float32)


@pytest.mark.parametrize(
    ("samples", "quality"),
    [
        (make_noise(0.1), "good"),
        (make_noise(LOW_RMS * 1.1), "good"),
        (make_noise(LOW_RMS * 0.9), "low"),
        (np.zeros(RATE, np.float32), "silent"),
        (np.full(RATE, 2.0**-16, np.float32), "silent"),
        (np.zeros(0, np.float32), "empty"),
        (np.clip(make_noise(0.8), -1, 1), "clipped"),
    ],
)
def test_sound_is_judged_by_its_levels(samples: np.ndarray, quality: str) -> None:
    assert classify_level(measure_level(samples)) == quality


def test_a_file_without_a_track_is_not_silent() -> None:
    assert classify_level(None) == "no_track"


@pytest.mark.parametrize(("share", "quality"), [(0.9, "good"), (1.1, "clipped")])
def test_a_few_samples_at_full_scale_are_no_clipping(share: float, quality: str) -> None:
    samples = make_noise(0.1)
    samples[: round(share * CLIPPED_SHARE * RATE)] = -CLIP_LEVEL
    assert classify_level(measure_level(samples)) == quality


def test_levels_are_those_of_a_sine() -> None:
    wave = 0.5 * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)
    level = measure_level(wave.astype(np.float32))
    assert level.peak == pytest.approx(0.5, rel=1e-3)
    assert level.rms == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)
    assert (level.num_samples, level.clipped) == (RATE, 0)
