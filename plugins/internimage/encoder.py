"""From frames to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from egoexobench.toolbox import layers, vision
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.internimage.model import InternImage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREPROCESS = vision.ImagePreprocess(*vision.IMAGENET_MEAN_STD, "resize_center_crop", antialias=True)
AT_ONCE = 32
"""Pictures in one pass of a frozen network; tokens do not depend on it."""


@final
class Pictures(nn.Module):
    """Options as in the factory; ``side`` is the image's."""

    modality: Modality = "video"
    train = layers.train_unless_frozen

    def __init__(self, model: InternImage, side: int, trained: bool) -> None:
        super().__init__()
        self.model = model
        self.resolution = side
        self.frozen = not trained
        self.dim = model.dim
        layers.set_trainable(self, trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Frames ``(T, H, W, 3)`` to ``(T, side, side, 3)``, resized and cropped."""
        return vision.to_uint8(vision.resize_frames(source, self.resolution, PREPROCESS))

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Prepared ``(B, T, side, side, 3)`` to a token a frame, ``(B, T, dim)``.

        Mean and deviation are taken off here, so that what is prepared stays 8 bits a value.
        """
        tokens = values.new_zeros(*mask.shape, self.dim, dtype=torch.float32)
        real = values[mask]
        if len(real):
            pictures = vision.normalize(real, PREPROCESS)
            found = [self.model.features(part) for part in torch.split(pictures, AT_ONCE)]
            tokens = tokens.masked_scatter(mask[..., None], torch.cat(found).to(tokens))
        return Tokens(tokens, mask)
