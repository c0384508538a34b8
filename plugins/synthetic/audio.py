"""The sound of a performance, as its microphone hears it.

Gain, equaliser, reflections, room noise and distractors are drawn anew for each performance and
do not depend on the script, so that nothing but the events is common to two views.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from egoexobench_plugins.synthetic.synth import (
    RATE,
    octaves,
    quick,
    spectrum,
    stray,
    strike,
    voice,
)
from egoexobench_plugins.synthetic.timeline import Performance

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Curve = NDArray[np.float32]

LEVEL = 0.05
"""Loudness of an event, of full scale."""
GAIN = 3.0
"""Spread of the level of single sounds, dB."""
DISTRACTORS = 4
"""Private sounds that no script mentions."""
LOUD = (-12.0, -2.0)
"""Levels of distractors against an event, dB."""
TAIL = 1_536
"""Latest reflection, samples: with 4 s it fills 2 ** 16."""
ECHOES = 6
"""Reflections of the private room."""
NODES = 9
"""Nodes of the private equaliser and of the colour of room noise, from 100 Hz to 8 kHz."""
EQ = 12.0
"""Spread of the equaliser's nodes, dB."""
FLOOR, FLOOR_SPREAD = -25.0, 4.0
"""Level of room noise against an event, and the spread of its nodes, dB."""


def play(performance: Performance, rng: Generator, seconds: float) -> Curve:
    """Samples ``(S,)`` in [-1, 1] of a performance, at 16 kHz."""
    count = round(seconds * RATE)
    dry = np.zeros(quick(count + TAIL), np.float32)
    for act in performance.acts:
        if act.heard:
            sound = strike(voice(act.event), act.end - act.start, rng)
            _add(dry, sound, act.start, rng.normal(0, GAIN))
    for _ in range(DISTRACTORS):
        length = rng.uniform(0.1, 0.4)
        start = rng.uniform(0, seconds - length)
        _add(dry, strike(stray(rng), length, rng), start, rng.uniform(*LOUD))
    return _record(dry, rng)[:count]


def _add(dry: Curve, sound: Curve, start: float, decibels: float) -> None:
    first = round(start * RATE)
    part = dry[first : first + len(sound)]
    part += np.float32(LEVEL * 10 ** (decibels / 20)) * sound[: len(part)]


def _record(dry: Curve, rng: Generator) -> Curve:
    """What the microphone of one performance makes of the sounds in front of it."""
    size, wet = len(dry), dry.copy()
    for delay in rng.integers(RATE // 500, TAIL, ECHOES):
        level = 0.4 * rng.choice((-1, 1)) * np.exp(-2 * delay / TAIL)
        wet[delay:] += np.float32(level) * dry[:-delay]
    tone = _curve(size, rng.normal(0, EQ, NODES))
    floor = _curve(size, rng.normal(FLOOR, FLOOR_SPREAD, NODES))
    # a transform of noise whose bins have unit spread has a loudness of sqrt(2 / size)
    hiss = floor * spectrum(len(tone), rng) * np.float32(LEVEL * np.sqrt(size / 2))
    wave = np.fft.irfft(np.fft.rfft(wet) * tone + hiss, size)
    return np.clip(wave * np.float32(rng.uniform(0.3, 1)), -1, 1).astype(np.float32)


def _curve(size: int, decibels: NDArray[np.float64]) -> Curve:
    """Amplitudes over the bins of a transform of ``size`` samples, through levels at the nodes."""
    nodes = np.log2(np.geomspace(100, 8000, len(decibels)))
    levels = np.interp(octaves(size), nodes, decibels)
    curve: Curve = (10 ** (levels / 20)).astype(np.float32)
    return curve
