"""From frames to tokens, for both networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.errors import DataError
from egoexobench.values import Frames, Modality, Sound, Tokens
from egoexobench_plugins.egoinstructor_encoders.ego import Ego, Output
from egoexobench_plugins.egoinstructor_encoders.exo import Exo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
"""CLIP's, on a scale of 0 to 1."""


@final
class Video(nn.Module):
    """Options as in the factories."""

    modality: Modality = "video"

    def __init__(self, model: Ego | Exo, output: Output, trained: bool) -> None:
        super().__init__()
        self.model = model
        self.output = output
        self.frozen = not trained
        self.dim = model.dim
        self.requires_grad_(trained)
        self.train(trained)

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode where frozen."""
        return super().train(mode and not self.frozen)

    def prepare(self, source: Frames | Sound | str) -> NDArray[np.uint8]:
        """Frames ``(T, H, W, 3)`` to ``(T, side, side, 3)``: the centre square, resized.

        Raises:
            DataError: for another number of frames than the network takes.
        """
        assert isinstance(source, Frames)  # noqa: S101 - the harness hands over its modality
        shape = self.model.shape
        if len(source.pixels) != shape.frames:
            raise DataError(
                f"a clip has {len(source.pixels)} frames and the network takes {shape.frames}; "
                f"set frames={shape.frames} for the method or the encoder's frames"
            )
        return _square(torch.tensor(source.pixels), shape.image).numpy()

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Prepared ``(B, T, side, side, 3)`` to tokens; see the option `output` for how many.

        Mean and deviation are taken off here, so that what is prepared stays 8 bits a value.
        """
        real = mask[:, :1]
        if values.shape[1] != self.model.shape.frames:  # no clip of the batch has any picture
            return Tokens(values.new_zeros(len(values), 1, self.dim), real)
        mean, deviation = (values.new_tensor(one) for one in (MEAN, DEVIATION))
        video = ((values / 255 - mean) / deviation).permute(0, 1, 4, 2, 3)
        tokens = self.model(video, self.output)
        return Tokens(tokens, real.expand(-1, tokens.shape[1]))


def _square(pixels: Tensor, side: int) -> Tensor:
    """The centre square of pictures ``(T, H, W, 3)``, resized by smoothed bicubic steps.

    EgoInstructor lets ffmpeg crop and scale; its default filter is bicubic.
    """
    height, width = pixels.shape[1:3]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = pixels[:, top : top + short, left : left + short].permute(0, 3, 1, 2).float()
    resized = functional.interpolate(square, (side, side), mode="bicubic", antialias=True)
    return resized.round().clamp(0, 255).byte().permute(0, 2, 3, 1)
