"""Encoders of clips: picture and sound together, the picture alone, the sound alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.errors import UsageError
from egoexobench.toolbox import layers
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.hub_encoders.pe_av.model import hash_files, load_model
from egoexobench_plugins.hub_encoders.pictures import PictureProcessor
from egoexobench_plugins.hub_encoders.ragged import encode_by_length
from egoexobench_plugins.hub_encoders.sound import load_extractor

FRAMES_AT_ONCE = 64
"""Frames of one forward pass, but at least one clip."""
SECONDS_AT_ONCE = 60
"""Sound of one forward pass, but at least one clip."""


@final
class PeAvEncoder(nn.Module):
    """One token a clip with two halves: of picture and sound, and of the picture alone.

    Clips of one length are encoded together without padding: the masks of the model do not keep
    all of its convolutions from reading what lies behind the end.
    """

    modality: Modality = "joint"
    train = layers.train_unless_frozen

    def __init__(self, folder: Path, *, name: str, trained: bool) -> None:
        super().__init__()
        model = load_model(folder, name, "joint")
        self.encoder = model.audio_video_encoder
        self.joint_head = model.audio_video_head
        self.video_head = model.video_model.video_head
        self.pictures = PictureProcessor(folder, is_video=True)
        self.extractor = load_extractor(folder)
        self.sample_rate: int = self.extractor.sampling_rate
        self.content_hash = hash_files(folder)
        self.frozen = not trained
        self.dim = 2 * model.config.text_config.hidden_size
        layers.set_trainable(self, trained)

    @property
    def resolution(self) -> int:
        """Side of the input images, in pixels."""
        return self.pictures.resolution

    def prepare_video(self, source: Frames) -> NDArray[np.uint8 | np.float32]:
        """Return resized frames ``(T, 3, side, side)``."""
        return self.pictures.prepare(source)

    def prepare_audio(self, source: Audio) -> NDArray[np.float32]:
        """Return samples ``(S,)``; S is a multiple of the samples of a token."""
        return _extract_samples(self.extractor, source)

    def encode(
        self, video_values: Tensor, video_mask: Tensor, audio_values: Tensor, audio_mask: Tensor
    ) -> Tokens:
        """Return one token ``(B, 1, dim)`` of each clip.

        Raises:
            UsageError: for a clip without a picture.
        """
        lengths = torch.stack([video_mask.sum(1), audio_mask.sum(1)], 1)
        if bool(((lengths[:, 0] == 0) & (lengths[:, 1] > 0)).any()):
            raise UsageError(
                "pe-av needs a picture; for the sound alone use the encoders pe-av-audio and "
                "pe-av-text:evidence=audio, or the method pe-av:evidence=audio"
            )
        weight = next(self.parameters())
        tokens = weight.new_zeros(len(video_mask), self.dim)
        for num_frames, num_samples in sorted({tuple(row) for row in lengths.tolist()}):
            if not num_frames:
                continue
            same = (lengths == lengths.new_tensor([num_frames, num_samples])).all(1).nonzero()[:, 0]
            for rows in torch.split(same, max(FRAMES_AT_ONCE // num_frames, 1)):
                frames = self.pictures.normalize(video_values[rows, :num_frames])
                vectors = self._compute(frames, audio_values[rows, None, :num_samples])
                tokens = tokens.index_put((rows,), vectors.to(tokens.dtype))
        return Tokens(tokens[:, None], video_mask.any(1, keepdim=True))

    def _compute(self, frames: Tensor, samples: Tensor) -> Tensor:
        """Return vectors ``(N, dim)`` of clips of one length; none of them may have sound."""
        half = self.dim // 2
        if samples.shape[-1]:
            output = self.encoder(input_values=samples, pixel_values_videos=frames)
            return functional.pad(self.joint_head(output.pooler_output), (0, half))
        output = self.encoder.embedder.video_encoder(frames)
        return functional.pad(self.video_head(output.pooler_output), (half, 0))


@final
class PeAvVideoEncoder(nn.Module):
    """One token of the picture of a clip."""

    modality: Modality = "video"
    train = layers.train_unless_frozen

    def __init__(self, folder: Path, *, name: str, trained: bool) -> None:
        super().__init__()
        model = load_model(folder, name, "video")
        self.encoder = model.video_encoder
        self.head = model.video_head
        self.pictures = PictureProcessor(folder, is_video=True)
        self.content_hash = hash_files(folder)
        self.frozen = not trained
        self.dim: int = model.config.text_config.hidden_size
        layers.set_trainable(self, trained)

    @property
    def resolution(self) -> int:
        """Side of the input images, in pixels."""
        return self.pictures.resolution

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8 | np.float32]:
        """Return resized frames ``(T, 3, side, side)``."""
        return self.pictures.prepare(source)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return one token ``(B, 1, dim)`` of each clip."""
        compute = _make_compute(self.encoder, self.head, self.pictures.normalize)
        return encode_by_length(values, mask, compute, dim=self.dim, num_rows=FRAMES_AT_ONCE)


@final
class PeAvAudioEncoder(nn.Module):
    """One token of the sound of a clip."""

    modality: Modality = "audio"
    train = layers.train_unless_frozen

    def __init__(self, folder: Path, *, name: str, trained: bool) -> None:
        super().__init__()
        model = load_model(folder, name, "audio")
        self.encoder = model.audio_encoder
        self.head = model.audio_head
        self.extractor = load_extractor(folder)
        self.sample_rate: int = self.extractor.sampling_rate
        self.content_hash = hash_files(folder)
        self.frozen = not trained
        self.dim: int = model.config.text_config.hidden_size
        layers.set_trainable(self, trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Return samples ``(S,)``; S is a multiple of the samples of a token."""
        assert isinstance(source, Audio)  # noqa: S101 - the harness passes this modality
        return _extract_samples(self.extractor, source)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return one token ``(B, 1, dim)`` of each clip."""
        compute = _make_compute(self.encoder, self.head, lambda samples: samples[:, None])
        num_rows = SECONDS_AT_ONCE * self.sample_rate
        return encode_by_length(values, mask, compute, dim=self.dim, num_rows=num_rows)


def _make_compute(
    encoder: nn.Module, head: nn.Module, make_input: Callable[[Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    """Return a function from prepared rows of one length to tokens ``(N, 1, dim)``."""

    def compute(rows: Tensor) -> Tensor:
        pooled: Tensor = head(encoder(make_input(rows)).pooler_output)
        return pooled[:, None]

    return compute


def _extract_samples(extractor: Any, source: Audio) -> NDArray[np.float32]:
    """Return what the extractor of the model makes of a sound: it mirrors the end of it."""
    batch = extractor(source.waveform, sampling_rate=source.sample_rate, return_tensors="np")
    samples: NDArray[np.float32] = batch["input_values"].reshape(-1).astype(np.float32)
    return samples
