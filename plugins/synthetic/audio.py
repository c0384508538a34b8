"""The audio of a timeline, as the microphone of its view records it.

Gain, equalizer, echoes, room noise and distractor sounds are drawn anew for each rendering and do
not depend on the script, so that two views have nothing but the events in common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from egoexobench_plugins.synthetic.synth import (
    SAMPLE_RATE,
    compute_octaves,
    draw_noise_spectrum,
    draw_timbre,
    find_fast_length,
    get_timbre,
    synthesize_sound,
)
from egoexobench_plugins.synthetic.timeline import Timeline

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]

EVENT_RMS = 0.05
"""Root mean square of the sound of an event; full scale is 1."""
EVENT_GAIN_SPREAD = 3.0
"""Standard deviation of the gain of an event, dB."""
NUM_DISTRACTORS = 4
"""Sounds of the room that belong to no event."""
DISTRACTOR_GAINS = (-12.0, -2.0)
"""Range of the gain of distractors relative to an event, dB."""
MAX_ECHO_DELAY = 1_536
"""Largest delay of an echo in samples; a clip of 4 s then fills 2 ** 16 samples."""
NUM_ECHOES = 6
"""Echoes of the room."""
NUM_NODES = 9
"""Nodes of the equalizer and of the noise spectrum, from 100 Hz to 8 kHz."""
EQ_SPREAD = 12.0
"""Standard deviation of the gain at the nodes of the equalizer, dB."""
NOISE_GAIN, NOISE_GAIN_SPREAD = -25.0, 4.0
"""Gain of room noise relative to an event, and its standard deviation at the nodes, dB."""


def render_audio(timeline: Timeline, rng: Generator, seconds: float) -> FloatArray:
    """Return the waveform ``(S,)`` of a timeline, in [-1, 1] at 16 kHz."""
    num_samples = round(seconds * SAMPLE_RATE)
    dry = np.zeros(find_fast_length(num_samples + MAX_ECHO_DELAY), np.float32)
    for event in timeline.events:
        if event.audible:
            sound = synthesize_sound(get_timbre(event.event), event.end - event.start, rng)
            _add_sound(dry, sound, event.start, rng.normal(0, EVENT_GAIN_SPREAD))
    for _ in range(NUM_DISTRACTORS):
        length = rng.uniform(0.1, 0.4)
        start = rng.uniform(0, seconds - length)
        sound = synthesize_sound(draw_timbre(rng), length, rng)
        _add_sound(dry, sound, start, rng.uniform(*DISTRACTOR_GAINS))
    return _simulate_microphone(dry, rng)[:num_samples]


def _add_sound(dry: FloatArray, sound: FloatArray, start: float, gain: float) -> None:
    """Add a sound to ``dry`` at ``start`` s, with a gain in dB."""
    first = round(start * SAMPLE_RATE)
    window = dry[first : first + len(sound)]
    window += np.float32(EVENT_RMS * 10 ** (gain / 20)) * sound[: len(window)]


def _simulate_microphone(dry: FloatArray, rng: Generator) -> FloatArray:
    """Return the sounds with the echoes, equalizer, noise and gain of one recording."""
    size, wet = len(dry), dry.copy()
    for delay in rng.integers(SAMPLE_RATE // 500, MAX_ECHO_DELAY, NUM_ECHOES):
        level = 0.4 * rng.choice((-1, 1)) * np.exp(-2 * delay / MAX_ECHO_DELAY)
        wet[delay:] += np.float32(level) * dry[:-delay]
    equalizer = _interpolate_gains(size, rng.normal(0, EQ_SPREAD, NUM_NODES))
    noise_gains = _interpolate_gains(size, rng.normal(NOISE_GAIN, NOISE_GAIN_SPREAD, NUM_NODES))
    # noise whose spectrum has unit variance has a root mean square of sqrt(2 / size)
    spectrum = draw_noise_spectrum(len(equalizer), rng)
    noise = noise_gains * spectrum * np.float32(EVENT_RMS * np.sqrt(size / 2))
    wave = np.fft.irfft(np.fft.rfft(wet) * equalizer + noise, size)
    return np.clip(wave * np.float32(rng.uniform(0.3, 1)), -1, 1).astype(np.float32)


def _interpolate_gains(size: int, gains: NDArray[np.float64]) -> FloatArray:
    """Return the factor for each bin of a transform of ``size`` samples, from dB at the nodes."""
    nodes = np.log2(np.geomspace(100, 8000, len(gains)))
    levels = np.interp(compute_octaves(size), nodes, gains)
    factors: FloatArray = (10 ** (levels / 20)).astype(np.float32)
    return factors
