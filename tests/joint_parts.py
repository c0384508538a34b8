"""Joint encoders for tests: small ones that need no download, right and wrong."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from egoexobench import hookimpl
from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import Audio, Frames, Tokens

GRID = 4
BANDS = 16
RATE = 22050


class ColorLoudness(nn.Module):
    """Colors of a grid of each frame beside the mean loudness in bands, as one token a frame.

    A clip without sound has zeros and a flag instead of the bands, and one without a picture one
    token with zeros and a flag instead of the colors.
    """

    modality = "joint"
    sample_rate = RATE

    def __init__(self, frozen: bool = True) -> None:
        super().__init__()
        self.frozen = frozen
        self.size = 3 * GRID * GRID
        self.dim = 16 if not frozen else self.size + BANDS + 2
        self.layer = nn.Identity() if frozen else nn.Linear(self.size + BANDS + 2, self.dim)
        self.train(not frozen)

    def prepare_video(self, source: Frames) -> np.ndarray:
        pixels = torch.from_numpy(source.pixels).permute(0, 3, 1, 2).float()
        grid = nn.functional.adaptive_avg_pool2d(pixels, GRID)
        return grid.flatten(1).round().to(torch.uint8).numpy()

    def prepare_audio(self, source: Audio) -> np.ndarray:
        assert source.sample_rate == RATE
        size = max(1, len(source.waveform) // 512)
        pieces = source.waveform[: size * 512]
        pieces = np.pad(pieces, (0, size * 512 - len(pieces))).reshape(size, 512)
        power = np.abs(np.fft.rfft(pieces, axis=1))[:, 1:].reshape(size, BANDS, -1).mean(2)
        return np.log1p(power).astype(np.float32)

    def encode(
        self, video_values: Tensor, video_mask: Tensor, audio_values: Tensor, audio_mask: Tensor
    ) -> Tokens:
        has_picture, has_sound = video_mask.any(1), audio_mask.any(1)
        sound = masked_mean(Tokens(audio_values, audio_mask))
        sound = (
            torch.cat([sound, 1 - has_sound[:, None].float()], 1)
            * (has_sound | has_picture)[:, None]
        )
        colors = video_values.float() / 255 * video_mask[..., None]
        blind = (~has_picture)[:, None, None].float().expand(-1, colors.shape[1], 1)
        both = torch.cat([colors, blind, sound[:, None].expand(-1, colors.shape[1], -1)], 2)
        first = torch.zeros_like(video_mask)
        first[:, 0] = ~has_picture & has_sound
        return Tokens(self.layer(both), video_mask | first)


class Deaf(ColorLoudness):
    """Says that it reads both, and ignores the sound."""

    def encode(self, *inputs: Tensor) -> Tokens:
        video_values, video_mask, audio_values, audio_mask = inputs
        return super().encode(video_values, video_mask, audio_values * 0, audio_mask & False)


class NotFinite(ColorLoudness):
    def encode(self, *inputs: Tensor) -> Tokens:
        tokens = super().encode(*inputs)
        return Tokens(tokens.values * float("nan"), tokens.mask)


class HearsSilence(ColorLoudness):
    """Takes a clip without sound for one with silence of the usual length."""

    def encode(self, *inputs: Tensor) -> Tokens:
        video_values, video_mask, audio_values, audio_mask = inputs
        return super().encode(video_values, video_mask, audio_values, audio_mask | True)


class NeedsSound(ColorLoudness):
    def encode(self, *inputs: Tensor) -> Tokens:
        if not inputs[3].any(1).all():
            message = "no sound"
            raise ValueError(message)
        return super().encode(*inputs)


class WithoutPrepare:
    """Has the modality of a joint encoder and the functions of another."""

    modality, dim, frozen = "joint", 3, True

    def prepare(self, source: object) -> np.ndarray:
        raise NotImplementedError

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        return Tokens(values, mask)


class SaysVideo(ColorLoudness):
    modality = "video"


def color_loudness(*, trained: bool = False) -> ColorLoudness:
    """Colors and loudness."""
    return ColorLoudness(frozen=not trained)


@hookimpl
def register_encoders(register: Any) -> None:
    register("color-loudness", color_loudness, modality="joint")
    for part in (Deaf, NotFinite, NeedsSound, WithoutPrepare, SaysVideo):
        register(f"joint-{part.__name__.lower()}", lambda part=part: part())
