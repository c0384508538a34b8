"""Random frames, sounds and texts for checks of encoders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.types import Audio, Frames, Modality

Source = Frames | Audio | str
Item = tuple[Source | None, ...]
"""A source for each input of an encoder; None is one that is missing."""

TEXTS = ("a person takes the garlic", "one", "", "C öffnet das Glas 罐")
AUDIO_SECONDS = (1.0, 1.5, 4.0)
NUM_BOXES = 4
FRAME_SIZES = ((64, 64), (96, 128), (64, 64))


def make_sources(
    modality: Modality, num_frames: int, seed: int, sample_rate: int = AUDIO_SAMPLE_RATE
) -> list[Source]:
    """Return sources of a modality that differ in length or size."""
    rng = np.random.default_rng(seed)
    if modality == "text":
        return list(TEXTS)
    if modality == "audio":
        lengths = [int(seconds * sample_rate) for seconds in AUDIO_SECONDS]
        waves = [rng.uniform(-0.5, 0.5, length).astype(np.float32) for length in lengths]
        return [Audio(wave, sample_rate) for wave in waves]
    times = np.arange(num_frames) / 8
    shapes = [(num_frames, *size, 3) for size in FRAME_SIZES]
    pixels = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
    return [Frames(array, times.copy(), _make_boxes(array.shape, rng)) for array in pixels]


def _make_boxes(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return two hands and two objects for each frame ``(F, H, W, 3)``; some are missing."""
    num_frames, height, width, _ = shape
    corners = np.sort(rng.uniform(0, 1, (num_frames, NUM_BOXES, 2, 2)), 2).reshape(num_frames, -1)
    boxes = np.zeros((num_frames, NUM_BOXES, 10), np.float32)
    boxes[..., :4] = corners.reshape(num_frames, NUM_BOXES, 4) * [width, height, width, height]
    boxes[..., 4:9] = rng.uniform(0, 1, (num_frames, NUM_BOXES, 5))
    boxes[..., 9] = np.arange(NUM_BOXES)
    boxes[rng.uniform(0, 1, (num_frames, NUM_BOXES)) < 0.25] = [0] * 9 + [-1]
    return boxes


def make_context_source(source: Source | None) -> Source | None:
    """Return frames of which each is read with the one before; the first one is only read so."""
    if not isinstance(source, Frames):
        return source
    return replace(source, context=np.arange(len(source.times)) - 1)


def make_items(modality: Modality, num_frames: int, seed: int, sample_rate: int) -> list[Item]:
    """Return sources for each input of an encoder; one clip of a joint encoder has no sound."""
    if modality != "joint":
        return [(source,) for source in make_sources(modality, num_frames, seed, sample_rate)]
    frames, further = (make_sources("video", num_frames, seed + index) for index in range(2))
    sounds = make_sources("audio", num_frames, seed, sample_rate)
    return [*zip(frames, sounds, strict=True), (further[0], None)]


def copy_source(source: Source) -> Source:
    """Return a source that shares no memory with another."""
    match source:
        case Frames():
            boxes = None if source.boxes is None else source.boxes.copy()
            return replace(
                source, pixels=source.pixels.copy(), times=source.times.copy(), boxes=boxes
            )
        case Audio():
            return Audio(source.waveform.copy(), source.sample_rate)
        case str():
            return source


def is_same_source(first: Source, second: Source) -> bool:
    """Whether two sources have the same content."""
    match first, second:
        case Frames(), Frames():
            return all(
                np.array_equal(getattr(first, name), getattr(second, name))
                for name in ("pixels", "times", "boxes", "context")
            )
        case Audio(), Audio():
            return np.array_equal(first.waveform, second.waveform)
    return first == second
