"""From frames to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.errors import DataError
from egoexobench.values import Frames, Modality, Sound, Tokens
from egoexobench_plugins.viclip.model import Vision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet and not CLIP's, on a scale of 0 to 1; as in the release's demo."""


@final
class Video(nn.Module):
    """Options as in the factory."""

    modality: Modality = "video"

    def __init__(
        self, tower: Vision, output: Literal["clip", "frames", "patches"], trained: bool
    ) -> None:
        super().__init__()
        self.tower = tower
        self.output = output
        self.frozen = not trained
        self.dim = tower.shape.out
        self.requires_grad_(trained)
        self.train(trained)

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode where frozen."""
        return super().train(mode and not self.frozen)

    def prepare(self, source: Frames | Sound | str) -> NDArray[np.uint8]:
        """Frames ``(T, H, W, 3)`` to ``(T, side, side, 3)``, squashed to a square."""
        assert isinstance(source, Frames)  # noqa: S101 - the harness hands over its modality
        return _squashed(torch.tensor(source.pixels), self.tower.shape.image).numpy()

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Prepared ``(B, T, side, side, 3)`` to tokens; see the option `output` for how many.

        Mean and deviation are taken off here, so that what is prepared stays 8 bits a value.

        Raises:
            DataError: for clips of different lengths, or of a length the network does not take.
        """
        real = mask[:, :1]
        if bool((mask != real).any()):
            counts = sorted({int(count) for count in mask.sum(1)})
            raise DataError(f"viclip: clips of {counts} frames; all must have as many")
        if not bool(real.any()):  # no clip of the batch has any picture
            return Tokens(values.new_zeros(len(values), 1, self.dim), real)
        mean, deviation = (values.new_tensor(one) for one in (MEAN, DEVIATION))
        video = ((values / 255 - mean) / deviation).permute(0, 1, 4, 2, 3)
        embedding, patches = self.tower.projected(video)
        match self.output:
            case "clip":
                tokens = embedding[:, None]
            case "frames":
                tokens = patches.mean(2)
            case "patches":
                tokens = patches.flatten(1, 2)
        return Tokens(tokens, real.expand(-1, tokens.shape[1]))


def _squashed(pixels: Tensor, side: int) -> Tensor:
    """Pictures ``(T, H, W, 3)`` as squares, bilinear without smoothing as OpenCV does it."""
    planes = pixels.permute(0, 3, 1, 2).float()
    square = functional.interpolate(planes, (side, side), mode="bilinear", align_corners=False)
    return square.round().clamp(0, 255).byte().permute(0, 2, 3, 1)
