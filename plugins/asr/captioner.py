"""Whisper through transformers, on windows of 30 s."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import final

from egoexobench.toolbox.hub_models import resolve_model
from egoexobench.toolbox.model_folder import hash_model
from egoexobench.types import Audio, Transcript, TranscriptWord
from egoexobench_plugins.asr.whisper import SAMPLE_RATE, WINDOW_SECONDS, Whisper, WindowText

WEIGHT_NAMES = ("model.safetensors",)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperOptions:
    """Options as in the factory ``asr``."""

    model: str
    language: str | None
    no_speech: float
    tokens: int
    batch: int
    device: str


@dataclass(frozen=True, slots=True)
class _Window:
    """A part of a sound: its number, and where it starts, s."""

    sound: int
    start: float
    audio: Audio


@final
class WhisperCaptioner:
    """Loads its model with the first sound, so that cached transcripts need no weights."""

    sample_rate = SAMPLE_RATE

    def __init__(self, options: WhisperOptions) -> None:
        self._options = options

    @cached_property
    def key(self) -> Mapping[str, object]:
        """Model and decoding, but not device and batch size."""
        options = self._options
        return {
            "captioner": "asr",
            "model": hash_model(resolve_model(options.model), WEIGHT_NAMES),
            "language": options.language,
            "no_speech": options.no_speech,
            "tokens": options.tokens,
            "decoding": "greedy",
        }

    @cached_property
    def _whisper(self) -> Whisper:
        options = self._options
        return Whisper(
            resolve_model(options.model),
            language=options.language,
            no_speech=options.no_speech,
            tokens=options.tokens,
            device=options.device,
        )

    def transcribe(self, sounds: Iterable[Audio]) -> Iterator[Transcript]:
        """Yield the transcript of each sound; windows of several sounds share a batch."""
        windows = _iter_windows(sounds)
        parts: list[tuple[_Window, WindowText]] = []
        number = 0
        while batch := list(islice(windows, self._options.batch)):
            texts = self._whisper.read([window.audio for window in batch])
            parts += zip(batch, texts, strict=True)
            while parts and parts[-1][0].sound > number:  # no window of it can come any more
                yield _join_windows([part for part in parts if part[0].sound == number])
                parts = [part for part in parts if part[0].sound > number]
                number += 1
        if parts:
            yield _join_windows(parts)


def _iter_windows(sounds: Iterable[Audio]) -> Iterator[_Window]:
    """Yield the windows of each sound; a sound has at least one."""
    length = WINDOW_SECONDS * SAMPLE_RATE
    for number, sound in enumerate(sounds):
        for first in range(0, max(len(sound.waveform), 1), length):
            part = Audio(sound.waveform[first : first + length], sound.sample_rate)
            yield _Window(number, first / SAMPLE_RATE, part)


def _join_windows(parts: Sequence[tuple[_Window, WindowText]]) -> Transcript:
    words = tuple(
        TranscriptWord(word.text, window.start + word.start, window.start + word.end)
        for window, text in parts
        for word in text.words
    )
    return Transcript(" ".join(text.text for _, text in parts if text.text), words)
