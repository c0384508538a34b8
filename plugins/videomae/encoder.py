"""From frames to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.errors import DataError
from egoexobench.values import Frames, Modality, Sound, Tokens
from egoexobench_plugins.videomae.model import VideoMAE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, on a scale of 0 to 1."""


@final
class Video(nn.Module):
    """Options as in the factory."""

    modality: Modality = "video"

    def __init__(
        self, model: VideoMAE, output: Literal["clip", "frames", "patches"], trained: bool
    ) -> None:
        super().__init__()
        self.model = model
        self.output = output
        self.frozen = not trained
        self.dim = model.shape.width
        self.requires_grad_(trained)
        self.train(trained)

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode where frozen."""
        return super().train(mode and not self.frozen)

    def prepare(self, source: Frames | Sound | str) -> NDArray[np.uint8]:
        """Frames ``(T, H, W, 3)`` to ``(T, side, side, 3)``, resized and cropped.

        Raises:
            DataError: for another number of frames than the network takes.
        """
        assert isinstance(source, Frames)  # noqa: S101 - the harness hands over its modality
        shape = self.model.shape
        if len(source.pixels) != shape.frames:
            raise DataError(
                f"videomae: a clip has {len(source.pixels)} frames and the network takes "
                f"{shape.frames}; set frames={shape.frames} for the method or the encoder's frames"
            )
        return _cropped(torch.tensor(source.pixels), shape.image).numpy()

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Prepared ``(B, T, side, side, 3)`` to tokens; see the option `output` for how many.

        Mean and deviation are taken off here, so that what is prepared stays 8 bits a value.
        """
        mean, deviation = (values.new_tensor(one) for one in (MEAN, DEVIATION))
        video = ((values / 255 - mean) / deviation).permute(0, 1, 4, 2, 3)
        real = mask[:, :1]
        if values.shape[1] != self.model.shape.frames:  # no clip of the batch has any picture
            return Tokens(values.new_zeros(len(values), 1, self.dim), real)
        tubes = self.model.tubes(video)  # (B, T / 2, places, D)
        match self.output:
            case "clip":
                tokens = self.model.fc_norm(tubes.mean((1, 2)))[:, None]
            case "frames":
                tokens = self.model.fc_norm(tubes.mean(2))
            case "patches":
                tokens = tubes.flatten(1, 2)
        return Tokens(tokens, real.expand(-1, tokens.shape[1]))


def _cropped(pixels: Tensor, side: int) -> Tensor:
    """Pictures ``(T, H, W, 3)`` with a short side of ``side``, cropped at the centre.

    Bilinear without smoothing, which is what OpenCV does and the release uses.
    """
    height, width = pixels.shape[1:3]
    scale = side / min(height, width)
    size = [max(side, int(extent * scale)) for extent in (height, width)]
    planes = pixels.permute(0, 3, 1, 2).float()
    resized = functional.interpolate(planes, size, mode="bilinear", align_corners=False)
    top, left = ((extent - side) // 2 for extent in size)
    square = resized[:, :, top : top + side, left : left + side]
    return square.round().clamp(0, 255).byte().permute(0, 2, 3, 1)
