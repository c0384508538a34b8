"""Encoders that hand clips and texts to a model of mteb."""

from __future__ import annotations

from typing import Any, Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.mteb_models.batches import Row
from egoexobench_plugins.mteb_models.model_runner import ModelRunner
from egoexobench_plugins.mteb_models.packed_frames import pack_frames, unpack_frames

AUDIO_RATE = 48_000
"""Sample rate of the sound that a model gets, Hz: it resamples to its own, which is no higher."""


@final
class AudioEncoder:
    """The sound of clips."""

    modality: Modality = "audio"
    frozen = True
    sample_rate = AUDIO_RATE

    def __init__(self, metadata: Any, *, batch_size: int) -> None:
        self.runner = ModelRunner(metadata, ["audio"], make_tone_row(), batch_size=batch_size)
        self.dim = self.runner.dim
        self.content_hash = self.runner.content_hash

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Return the samples ``(S,)``."""
        assert isinstance(source, Audio)  # noqa: S101 - the harness passes this modality
        return source.waveform

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return one token of each row of samples ``(B, S)``."""
        rows = [make_audio_row(samples) for samples in select_rows(values, mask)]
        return self.runner.encode(rows, values.device)


@final
class TextEncoder:
    """Texts."""

    modality: Modality = "text"
    frozen = True

    def __init__(self, metadata: Any, *, batch_size: int) -> None:
        sample = make_text_row("a person cooks")
        self.runner = ModelRunner(metadata, ["text"], sample, batch_size=batch_size)
        self.dim = self.runner.dim
        self.content_hash = self.runner.content_hash

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Return the bytes of a text ``(N,)`` in UTF-8."""
        assert isinstance(source, str)  # noqa: S101 - the harness passes this modality
        return np.frombuffer(source.encode(), np.uint8)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return one token of each row of bytes ``(B, N)``."""
        texts = [bytes(content.numpy()).decode() for content in select_rows(values, mask)]
        return self.runner.encode([make_text_row(text) for text in texts], values.device)


@final
class VideoEncoder:
    """The frames of clips."""

    modality: Modality = "video"
    frozen = True

    def __init__(self, metadata: Any, *, batch_size: int, short_side: int) -> None:
        self.runner = ModelRunner(metadata, ["video"], make_gray_row(), batch_size=batch_size)
        self.dim = self.runner.dim
        self.content_hash = self.runner.content_hash
        self.short_side = short_side

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Return the bytes of a clip ``(N,)``: clips may differ in size."""
        assert isinstance(source, Frames)  # noqa: S101 - the harness passes this modality
        return pack_frames(source, self.short_side)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return one token of each row of bytes ``(B, N)``."""
        rows = [make_video_row(content) for content in select_rows(values, mask)]
        return self.runner.encode(rows, values.device)


@final
class JointEncoder:
    """Frames and sound of clips together."""

    modality: Modality = "joint"
    frozen = True
    sample_rate = AUDIO_RATE

    def __init__(self, metadata: Any, *, batch_size: int, short_side: int) -> None:
        inputs: list[Literal["video", "audio", "text"]] = ["video", "audio"]
        sample = {**make_gray_row(), **make_tone_row()}
        self.runner = ModelRunner(metadata, inputs, sample, batch_size=batch_size)
        self.dim = self.runner.dim
        self.content_hash = self.runner.content_hash
        self.short_side = short_side

    def prepare_video(self, source: Frames) -> NDArray[np.uint8]:
        """Return the bytes of the frames of a clip ``(N,)``."""
        return pack_frames(source, self.short_side)

    def prepare_audio(self, source: Audio) -> NDArray[np.float32]:
        """Return the samples ``(S,)``."""
        return source.waveform

    def encode(
        self, video_values: Tensor, video_mask: Tensor, audio_values: Tensor, audio_mask: Tensor
    ) -> Tokens:
        """Return one token of each row; a row without sound is a clip without that column."""
        frames = select_rows(video_values, video_mask)
        sounds = select_rows(audio_values, audio_mask)
        rows = [
            (make_video_row(content) if len(content) else {})
            | (make_audio_row(samples) if len(samples) else {})
            for content, samples in zip(frames, sounds, strict=True)
        ]
        return self.runner.encode(rows, video_values.device)


def select_rows(values: Tensor, mask: Tensor) -> list[Tensor]:
    """Return what `prepare` returned of each row of a padded batch, on the CPU."""
    return [row[row_mask].cpu() for row, row_mask in zip(values, mask, strict=True)]


def make_audio_row(samples: Tensor) -> dict[str, Any]:
    """Return a row of samples ``(S,)``."""
    return {"audio": {"array": samples.numpy(), "sampling_rate": AUDIO_RATE}}


def make_video_row(content: Tensor) -> dict[str, Any]:
    """Return a row of the bytes of a clip."""
    return {"video": unpack_frames(content)}


def make_text_row(text: str) -> Row:
    """Return a row of a text, with the column that mteb adds to queries."""
    return {"text": text, "query": text}


def make_tone_row() -> dict[str, Any]:
    """Return a row of a second of a tone."""
    return make_audio_row(torch.sin(torch.arange(AUDIO_RATE) * 0.05))


def make_gray_row() -> dict[str, Any]:
    """Return a row of gray frames of four seconds."""
    frames = Frames(np.full((16, 224, 224, 3), 128, np.uint8), np.arange(16) / 4)
    return make_video_row(torch.from_numpy(pack_frames(frames, 0)))
