"""Sound synthesis: a verb sets the rhythm and the band of a sound, a material its resonances."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from egoexobench_plugins.synthetic.script import Event
from egoexobench_plugins.synthetic.vocabulary import MATERIAL_OF_NOUN, MATERIALS

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]

SAMPLE_RATE = 16_000
"""Hz."""
BAND_CENTERS = (300.0, 600.0, 1200.0, 2400.0, 4200.0, 6400.0)
"""Center frequencies of the bands of verbs, Hz."""
RHYTHMS = {
    "hit": (1.5, 0.6, 0.25, 0.1, 0.05, 0.02, 0.01, 0),
    "late": (0.05, 0.05, 0.05, 0.05, 0.1, 1.5, 0.5, 0),
    "double": (1.2, 0.2, 0.05, 0.05, 1.2, 0.2, 0.05, 0),
    "steady": (0, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0),
    "rise": (0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 0),
    "fall": (0, 1.5, 1.2, 0.8, 0.4, 0.2, 0.1, 0),
    "pulses": (1.2, 0.1, 1.2, 0.1, 1.2, 0.1, 1.2, 0),
}
"""Amplitude over the time of an event, at equally spaced nodes, by rhythm."""
VERB_SOUNDS = {
    "adjust": (1, "late"),
    "cover": (0, "late"),
    "cut": (5, "pulses"),
    "fill": (4, "rise"),
    "hold": (1, "steady"),
    "mix": (3, "pulses"),
    "move": (2, "steady"),
    "open": (3, "hit"),
    "operate": (2, "double"),
    "pour": (5, "steady"),
    "press": (4, "hit"),
    "put": (0, "hit"),
    "remove": (4, "fall"),
    "scoop": (2, "rise"),
    "shake": (5, "double"),
    "take": (3, "rise"),
    "throw": (1, "fall"),
    "turn": (0, "pulses"),
    "wash": (4, "steady"),
}
"""Index of the band and name of the rhythm, by verb; look twins have different bands."""
BAND_SPREAD = 0.15
"""Standard deviation of the band center of a sound, octaves."""
RESONANCE_SPREAD = 4.0
"""Standard deviation of the gain of a resonance, dB."""
RHYTHM_SPREAD = 0.3
"""Standard deviation of the logarithm of the amplitude at the nodes of a rhythm."""


@dataclass(frozen=True, slots=True)
class Timbre:
    """What a sound is made of: the center of its band and its resonances, Hz, and its rhythm."""

    band: float
    resonances: tuple[float, float]
    rhythm: str


def get_timbre(event: Event) -> Timbre:
    """Return the timbre of an event; sound twins share it."""
    band, rhythm = VERB_SOUNDS[event.verb]
    rank, count = list(MATERIALS).index(MATERIAL_OF_NOUN[event.noun]), len(MATERIALS)
    frequencies = np.geomspace(280, 6000, count)
    # 5 has no factor in common with 12: no two materials share their two resonances
    resonances = float(frequencies[rank]), float(frequencies[(5 * rank + 3) % count])
    return Timbre(BAND_CENTERS[band], resonances, rhythm)


def draw_timbre(rng: Generator) -> Timbre:
    """Return a random timbre that belongs to no event."""
    resonances = float(rng.uniform(250, 6000)), float(rng.uniform(250, 6000))
    return Timbre(float(rng.uniform(250, 7000)), resonances, str(rng.choice(list(RHYTHMS))))


def synthesize_sound(timbre: Timbre, length: float, rng: Generator) -> FloatArray:
    """Return one sound of ``length`` s, with a root mean square of about 1."""
    count = max(round(length * SAMPLE_RATE), 1)
    octaves = compute_octaves(find_fast_length(count))
    gain = _compute_band_gain(octaves, timbre.band * 2 ** rng.normal(0, BAND_SPREAD), 0.35)
    for resonance in timbre.resonances:
        level = 3 * 10 ** (rng.normal(0, RESONANCE_SPREAD) / 20)
        center = resonance * rng.normal(1, 0.01)
        gain += np.float32(level) * _compute_band_gain(octaves, center, 0.05)
    noise = gain * draw_noise_spectrum(len(octaves), rng)
    sound = np.fft.irfft(noise, find_fast_length(count))[:count]
    amplitudes = np.array(RHYTHMS[timbre.rhythm])
    amplitudes *= rng.lognormal(0, RHYTHM_SPREAD, len(amplitudes))
    positions = np.linspace(0, len(amplitudes) - 1, count)
    envelope = np.interp(positions, np.arange(len(amplitudes)), amplitudes).astype(np.float32)
    scaled: FloatArray = envelope * sound / np.float32(np.sqrt(np.mean(sound**2)) + 1e-9)
    return scaled


def draw_noise_spectrum(num_bins: int, rng: Generator) -> NDArray[np.complex64]:
    """Return white noise, as the bins of a Fourier transform."""
    return rng.standard_normal((num_bins, 2), np.float32).view(np.complex64)[:, 0]


def find_fast_length(count: int) -> int:
    """Return a length from ``count`` up, at most a third more, with a fast Fourier transform."""
    power = 1 << max(count - 1, 1).bit_length()
    return next(size for size in (power * 5 // 8, power * 3 // 4, power) if size >= count)


@lru_cache(maxsize=64)
def compute_octaves(size: int) -> FloatArray:
    """Return the frequency of each bin of a transform of ``size`` samples, octaves above 1 Hz."""
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    octaves: FloatArray = np.log2(np.maximum(hertz, 20)).astype(np.float32)
    return octaves


def _compute_band_gain(octaves: FloatArray, center: float, width: float) -> FloatArray:
    """Return the gain of a band around ``center`` Hz, ``width`` octaves wide."""
    distance = (octaves - np.float32(np.log2(center))) / np.float32(width)
    gain: FloatArray = np.exp(distance**2 / -2)
    return gain
