"""From frames to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, final

import torch
from torch import Tensor, nn

from egoexobench.toolbox import layers, vision
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.videomae.model import VideoMAE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREPROCESS = vision.ImagePreprocess(*vision.IMAGENET_MEAN_STD, "resize_center_crop")


@final
class Video(nn.Module):
    """Options as in the factory."""

    modality: Modality = "video"
    train = layers.train_unless_frozen

    def __init__(
        self, model: VideoMAE, output: Literal["clip", "frames", "patches"], trained: bool
    ) -> None:
        super().__init__()
        self.model = model
        self.output = output
        self.frozen = not trained
        self.dim = model.shape.width
        layers.set_trainable(self, trained)

    @property
    def resolution(self) -> int:
        """Pixels along a side of what it looks at."""
        return self.model.shape.image

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Frames ``(T, H, W, 3)`` to ``(T, side, side, 3)``, resized and cropped.

        Raises:
            DataError: for another number of frames than the network takes.
        """
        vision.check_num_frames(source, self.model.shape.frames, "videomae")
        return vision.to_uint8(vision.resize_frames(source, self.resolution, PREPROCESS))

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Prepared ``(B, T, side, side, 3)`` to tokens; see the option `output` for how many.

        Mean and deviation are taken off here, so that what is prepared stays 8 bits a value.
        """
        real = mask[:, :1]
        if values.shape[1] != self.model.shape.frames:  # no clip of the batch has any picture
            return Tokens(values.new_zeros(len(values), 1, self.dim, dtype=torch.float32), real)
        tubes = self.model.tubes(vision.normalize(values, PREPROCESS))  # (B, T / 2, places, D)
        match self.output:
            case "clip":
                tokens = self.model.fc_norm(tubes.mean((1, 2)))[:, None]
            case "frames":
                tokens = self.model.fc_norm(tubes.mean(2))
            case "patches":
                tokens = tubes.flatten(1, 2)
        return Tokens(tokens, real.expand(-1, tokens.shape[1]))
