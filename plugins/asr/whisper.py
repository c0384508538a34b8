"""The model: log-mel windows to text, with a probability of no speech and times of words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from egoexobench.errors import ModelUnavailableError
from egoexobench.types import Audio, TranscriptWord

SAMPLE_RATE = 16_000
WINDOW_SECONDS = 30
"""What Whisper reads at once; its positions of sound end there."""
_NO_SPEECH_TOKENS = ("<|nospeech|>", "<|nocaptions|>")
"""Names of the same token in newer and older tokenizers."""


@dataclass(frozen=True, slots=True)
class WindowText:
    """What is said in a window; times of words are from the start of the window, s."""

    text: str = ""
    words: tuple[TranscriptWord, ...] = ()


@final
class Whisper:
    """Model, tokenizer and feature extractor of a folder.

    Args:
        folder: of the model.
        language: such as ``en``; None detects it.
        no_speech: probability from which on a window has no text.
        tokens: largest number of tokens of a window.
        device: of the model.

    Raises:
        ModelUnavailableError: if the folder holds no Whisper model, or there is no such device.
    """

    def __init__(
        self, folder: Path, *, language: str | None, no_speech: float, tokens: int, device: str
    ) -> None:
        from transformers import WhisperForConditionalGeneration, WhisperProcessor

        try:
            with _silence_library():
                self._processor: Any = WhisperProcessor.from_pretrained(
                    folder, local_files_only=True
                )
                model: Any = WhisperForConditionalGeneration.from_pretrained(
                    folder, local_files_only=True, use_safetensors=True
                )
            self._model = model.to(device).eval()
        except (OSError, ValueError, KeyError, RuntimeError, AssertionError) as error:
            line = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise ModelUnavailableError(
                f"captioner 'asr': {folder} on device {device!r}: {line[:160]}; set model=FOLDER "
                "with the files of a Whisper model in transformers' layout, or another device"
            ) from error
        self._language, self._no_speech = language, no_speech
        self._tokens = min(tokens, self._model.config.max_target_positions // 2)
        heads = getattr(self._model.generation_config, "alignment_heads", None)
        self._has_word_times = bool(heads)

    @torch.inference_mode()
    def read(self, windows: Sequence[Audio]) -> list[WindowText]:
        """Return what is said in each window of at most 30 s at 16 kHz."""
        features, mask = self._make_features(windows)
        is_speech = self._compute_no_speech(features) < self._no_speech
        texts = [WindowText()] * len(windows)
        rows = is_speech.nonzero().flatten().tolist()
        if rows:
            lengths = [len(windows[row].waveform) / SAMPLE_RATE for row in rows]
            with _silence_library():
                decoded = self._decode(features[rows], mask[rows], lengths)
            for row, text in zip(rows, decoded, strict=True):
                texts[row] = text
        return texts

    def _make_features(self, windows: Sequence[Audio]) -> tuple[Tensor, Tensor]:
        """Return log-mel features ``(B, bands, frames)`` of 30 s, and where there is sound."""
        inputs = self._processor.feature_extractor(
            [window.waveform for window in windows],
            sampling_rate=SAMPLE_RATE,
            return_tensors="pt",
            return_attention_mask=True,
        )
        device = self._model.device
        features = inputs.input_features.to(device, self._model.dtype)
        return features, inputs.attention_mask.to(device)

    def _compute_no_speech(self, features: Tensor) -> Tensor:
        """Return the probability ``(B,)`` of the no-speech token after the start token."""
        vocabulary = self._processor.tokenizer.get_vocab()
        number = next((vocabulary[t] for t in _NO_SPEECH_TOKENS if t in vocabulary), None)
        if number is None:
            return features.new_zeros(len(features))
        start = self._model.config.decoder_start_token_id
        first = torch.full((len(features), 1), start, device=features.device)
        logits = self._model(input_features=features, decoder_input_ids=first).logits[:, -1]
        probabilities: Tensor = logits.float().softmax(1)[:, number]
        return probabilities

    def _decode(self, features: Tensor, mask: Tensor, lengths: Sequence[float]) -> list[WindowText]:
        """Return the text of windows with speech, each as long as ``lengths`` says, s."""
        options: dict[str, Any] = {"task": "transcribe", "language": self._language}
        if not self._model.generation_config.is_multilingual:
            options = {}
        output: Any = self._model.generate(
            features,
            attention_mask=mask,
            do_sample=False,
            num_beams=1,
            max_new_tokens=self._tokens,
            return_timestamps=False,
            return_token_timestamps=self._has_word_times,
            **options,
        )
        sequences = output["sequences"] if self._has_word_times else output
        texts = self._processor.batch_decode(sequences, skip_special_tokens=True)
        times = output["token_timestamps"] if self._has_word_times else [None] * len(texts)
        return [
            WindowText(text.strip(), self._find_words(tokens, of_tokens, length))
            for text, tokens, of_tokens, length in zip(
                texts, sequences, times, lengths, strict=True
            )
        ]

    def _find_words(
        self, tokens: Tensor, times: Tensor | None, length: float
    ) -> tuple[TranscriptWord, ...]:
        """Join tokens to words at spaces; a word ends where the next token starts."""
        if times is None:
            return ()
        tokenizer = self._processor.tokenizer
        special = set(tokenizer.all_special_ids)
        words: list[TranscriptWord] = []
        numbers, starts = tokens.tolist(), times.tolist()
        for position, number in enumerate(numbers):
            piece = "" if number in special else tokenizer.decode([number])
            if not piece:
                continue
            start = min(starts[position], length)
            later = starts[position + 1] if position + 1 < len(starts) else length
            end = max(start, min(later, length))
            if words and not piece.startswith(" "):
                last = words.pop()
                words.append(TranscriptWord(last.text + piece, last.start, end))
            else:
                words.append(TranscriptWord(piece.strip(), start, end))
        return tuple(word for word in words if word.text)


@contextmanager
def _silence_library() -> Iterator[None]:
    """Hide the progress bars of transformers, and its advice about arguments."""
    from transformers.utils import logging

    library: Any = logging  # has no types
    verbosity, has_bars = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity_error()
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(verbosity)
        if has_bars:
            library.enable_progress_bar()
