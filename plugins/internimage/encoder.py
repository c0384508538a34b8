"""The video encoder: from frames to tokens."""

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
IMAGES_PER_PASS = 32
"""Images in one forward pass; tokens do not depend on it."""


@final
class InternImageEncoder(nn.Module):
    """Encodes frames with InternImage; ``side`` is that of the input images, in pixels."""

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
        """Return resized and cropped frames ``(T, side, side, 3)``."""
        return vision.to_uint8(vision.resize_frames(source, self.resolution, PREPROCESS))

    def get_token_times(self, frame_times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time of each token, that of its frame, s ``(T,)``."""
        return frame_times

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return a token per frame, ``(B, T, dim)``, of frames ``(B, T, side, side, 3)``.

        Pixels are normalized here, so that prepared frames take 8 bits a value.
        """
        tokens = values.new_zeros(*mask.shape, self.dim, dtype=torch.float32)
        real = values[mask]
        if len(real):
            images = vision.normalize(real, PREPROCESS)
            outputs = [
                self.model.extract_features(chunk) for chunk in torch.split(images, IMAGES_PER_PASS)
            ]
            tokens = tokens.masked_scatter(mask[..., None], torch.cat(outputs).to(tokens))
        return Tokens(tokens, mask)
