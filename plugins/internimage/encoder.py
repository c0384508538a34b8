"""From frames to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.values import Frames, Modality, Sound, Tokens
from egoexobench_plugins.internimage.model import InternImage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, on a scale of 0 to 1."""
AT_ONCE = 32
"""Pictures in one pass of a frozen network; tokens do not depend on it."""


@final
class Pictures(nn.Module):
    """Options as in the factory; ``side`` is the image's."""

    modality: Modality = "video"

    def __init__(self, model: InternImage, side: int, trained: bool) -> None:
        super().__init__()
        self.model = model
        self.side = side
        self.frozen = not trained
        self.dim = model.dim
        self.requires_grad_(trained)
        self.train(trained)

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode where frozen: batch norm then never reads its batch."""
        return super().train(mode and not self.frozen)

    def prepare(self, source: Frames | Sound | str) -> NDArray[np.uint8]:
        """Frames ``(T, H, W, 3)`` to ``(T, side, side, 3)``, resized and cropped."""
        assert isinstance(source, Frames)  # noqa: S101 - the harness hands over its modality
        return _cropped(torch.tensor(source.pixels), self.side).numpy()

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Prepared ``(B, T, side, side, 3)`` to a token a frame, ``(B, T, dim)``.

        Mean and deviation are taken off here, so that what is prepared stays 8 bits a value.
        """
        tokens = values.new_zeros(*mask.shape, self.dim)
        real = values[mask]
        if len(real):
            mean, deviation = (values.new_tensor(one) for one in (MEAN, DEVIATION))
            pictures = ((real / 255 - mean) / deviation).permute(0, 3, 1, 2)
            found = [self.model.features(part) for part in torch.split(pictures, AT_ONCE)]
            tokens = tokens.masked_scatter(mask[..., None], torch.cat(found))
        return Tokens(tokens, mask)


def _cropped(pixels: Tensor, side: int) -> Tensor:
    """Pictures ``(T, H, W, 3)`` with a short side of ``side``, cropped at the centre.

    Bicubic with smoothing, as Pillow does it for the reference.
    """
    height, width = pixels.shape[1:3]
    scale = side / min(height, width)
    size = [max(side, int(extent * scale)) for extent in (height, width)]
    planes = pixels.permute(0, 3, 1, 2).float()
    resized = functional.interpolate(planes, size, mode="bicubic", antialias=True)
    top, left = (round((extent - side) / 2) for extent in size)
    square = resized[:, :, top : top + side, left : left + side]
    return square.round().clamp(0, 255).byte().permute(0, 2, 3, 1)
