"""The encoder: frames and sound of a clip to a token for each frame."""

from __future__ import annotations

from pathlib import Path
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egoexobench.errors import UsageError
from egoexobench.toolbox import checkpoint, layers, vision
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.eclipse.sound import SAMPLE_RATE, compute_rows, divide_sound
from egoexobench_plugins.eclipse.tower import EclipseTower, TowerConfig, expand_over_time

CLIP_PREPROCESS = vision.ImagePreprocess(
    *vision.CLIP_MEAN_STD, resize_mode="resize_center_crop", antialias=True
)
FRAMES_AT_ONCE = 64
"""Frames of one forward pass."""


@final
class EclipseEncoder(nn.Module):
    """Encodes frames with the sound around each; the options are those of the factory."""

    modality: Modality = "joint"
    sample_rate = SAMPLE_RATE
    train = layers.train_unless_frozen

    def __init__(
        self,
        config: TowerConfig,
        *,
        hop: float,
        num_sounds: int,
        time_cross_audio: bool,
        trained: bool,
    ) -> None:
        super().__init__()
        self.hop = hop
        self.num_sounds = num_sounds
        self.time_cross_audio = time_cross_audio
        self.frozen = not trained
        self.dim = config.project
        self.tower = EclipseTower(config)
        layers.set_trainable(self, trained)

    @property
    def resolution(self) -> int:
        """Side of the input images, in pixels."""
        return self.tower.config.image

    def get_token_times(self, frame_times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time ``(T,)`` of each token, s: that of its frame."""
        return frame_times

    def prepare_video(self, source: Frames) -> NDArray[np.uint8]:
        """Return resized frames ``(T, image, image, 3)``, rounded to 8 bits a value."""
        return vision.to_uint8(vision.resize_frames(source, self.resolution, CLIP_PREPROCESS))

    def prepare_audio(self, source: Audio) -> NDArray[np.float32]:
        """Return rows ``(S, 257)`` of a log spectrogram, one every `hop` seconds."""
        return compute_rows(source, self.hop)

    def encode(
        self, video_values: Tensor, video_mask: Tensor, audio_values: Tensor, audio_mask: Tensor
    ) -> Tokens:
        """Return a token ``(B, T, dim)`` of each frame of prepared frames and rows.

        Raises:
            UsageError: for a clip without a picture.
        """
        if bool((audio_mask.any(1) & ~video_mask.any(1)).any()):
            raise UsageError("encoder 'eclipse' needs a picture; joint_inputs=audio does not work")
        tokens = video_values.new_zeros(*video_mask.shape, self.dim, dtype=torch.float32)
        if not bool(video_mask.any()):
            return Tokens(tokens, video_mask)
        sounds = divide_sound(
            Tokens(audio_values, audio_mask),
            video_mask.sum(1),
            num_columns=video_mask.shape[1],
            num_sounds=self.num_sounds,
        )
        sounds = expand_over_time(sounds) if self.time_cross_audio else sounds
        chunks = [
            torch.split(tensor[video_mask], FRAMES_AT_ONCE)
            for tensor in (video_values, sounds.values, sounds.mask)
        ]
        vectors = [self._encode_frames(*chunk) for chunk in zip(*chunks, strict=True)]
        embedded = torch.cat(vectors)
        return Tokens(
            tokens.to(embedded).masked_scatter(video_mask[..., None], embedded), video_mask
        )

    def load_clip(self, path: Path) -> None:
        """Load the vision tower of a checkpoint of CLIP.

        Raises:
            DataError: if the file lacks a weight or has other sizes.
        """
        self.tower.load_clip(checkpoint.read_state_dict(path), str(path))

    def _encode_frames(self, frames: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Return the class tokens ``(N, dim)`` of frames ``(N, image, image, 3)``."""
        pixels = vision.normalize(frames, CLIP_PREPROCESS)
        return self.tower.embed(pixels, Tokens(values, mask))
