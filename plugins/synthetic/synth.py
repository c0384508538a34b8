"""What things sound like: a verb sets rhythm and band of an excitation, a material what rings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from egoexobench_plugins.synthetic.script import Event
from egoexobench_plugins.synthetic.vocabulary import MATERIAL, MATERIALS

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Curve = NDArray[np.float32]

RATE = 16_000
"""Hz."""
CENTRES = (300.0, 600.0, 1200.0, 2400.0, 4200.0, 6400.0)
"""Centres of what verbs excite, Hz."""
RHYTHMS = {
    "hit": (1.5, 0.6, 0.25, 0.1, 0.05, 0.02, 0.01, 0),
    "late": (0.05, 0.05, 0.05, 0.05, 0.1, 1.5, 0.5, 0),
    "double": (1.2, 0.2, 0.05, 0.05, 1.2, 0.2, 0.05, 0),
    "steady": (0, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0),
    "rise": (0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 0),
    "fall": (0, 1.5, 1.2, 0.8, 0.4, 0.2, 0.1, 0),
    "pulses": (1.2, 0.1, 1.2, 0.1, 1.2, 0.1, 1.2, 0),
}
"""Rhythms to loudness over an event, equally spaced."""
VERBS = {
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
"""Verbs to the number of their band and the name of their rhythm; look twins differ in band."""
BAND_SPREAD = 0.15
"""Of the band of single sounds, octaves."""
MODE_SPREAD = 4.0
"""Of the level of a resonance in single sounds, dB."""
RHYTHM_SPREAD = 0.3
"""Of the logarithm of the loudness at the nodes of a rhythm."""


@dataclass(frozen=True, slots=True)
class Voice:
    """What can be heard of something: centre of its band and its resonances, Hz, and rhythm."""

    band: float
    modes: tuple[float, float]
    rhythm: str


def voice(event: Event) -> Voice:
    """Return the voice of an event; sound twins share it."""
    band, rhythm = VERBS[event.verb]
    rank, count = list(MATERIALS).index(MATERIAL[event.noun]), len(MATERIALS)
    ladder = np.geomspace(280, 6000, count)
    # 5 has no factor in common with 12: every material has both resonances to itself
    modes = float(ladder[rank]), float(ladder[(5 * rank + 3) % count])
    return Voice(CENTRES[band], modes, rhythm)


def stray(rng: Generator) -> Voice:
    """Return a voice that belongs to no event."""
    modes = float(rng.uniform(250, 6000)), float(rng.uniform(250, 6000))
    return Voice(float(rng.uniform(250, 7000)), modes, str(rng.choice(list(RHYTHMS))))


def strike(voice: Voice, length: float, rng: Generator) -> Curve:
    """One sound of a voice, of about unit loudness, ``length`` s long."""
    count = max(round(length * RATE), 1)
    pitch = octaves(quick(count))
    gain = _bump(pitch, voice.band * 2 ** rng.normal(0, BAND_SPREAD), 0.35)
    for mode in voice.modes:
        level = 3 * 10 ** (rng.normal(0, MODE_SPREAD) / 20)
        gain += np.float32(level) * _bump(pitch, mode * rng.normal(1, 0.01), 0.05)
    sound = np.fft.irfft(gain * spectrum(len(pitch), rng), quick(count))[:count]
    loudness = np.array(RHYTHMS[voice.rhythm])
    loudness *= rng.lognormal(0, RHYTHM_SPREAD, len(loudness))
    places = np.linspace(0, len(loudness) - 1, count)
    shape = np.interp(places, np.arange(len(loudness)), loudness).astype(np.float32)
    scaled: Curve = shape * sound / np.float32(np.sqrt(np.mean(sound**2)) + 1e-9)
    return scaled


def spectrum(bins: int, rng: Generator) -> NDArray[np.complex64]:
    """White noise, as the bins of a transform."""
    return rng.standard_normal((bins, 2), np.float32).view(np.complex64)[:, 0]


def quick(count: int) -> int:
    """Return the next of a short ladder of lengths that are quick to transform."""
    power = 1 << max(count - 1, 1).bit_length()
    return next(size for size in (power * 5 // 8, power * 3 // 4, power) if size >= count)


@lru_cache(maxsize=64)
def octaves(size: int) -> Curve:
    """Pitches of the bins of a transform of ``size`` samples, in octaves above 1 Hz."""
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    pitches: Curve = np.log2(np.maximum(hertz, 20)).astype(np.float32)
    return pitches


def _bump(pitch: Curve, hertz: float, width: float) -> Curve:
    away = (pitch - np.float32(np.log2(hertz))) / np.float32(width)
    bump: Curve = np.exp(away**2 / -2)
    return bump
