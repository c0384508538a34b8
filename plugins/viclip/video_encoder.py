"""From frames to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, final

import torch
from torch import Tensor, nn

from egoexobench.errors import DataError
from egoexobench.toolbox import layers, vision
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.viclip.model import Vision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREPROCESS = vision.ImagePreprocess(*vision.IMAGENET_MEAN_STD, "stretch")
"""Mean and deviation are not CLIP's; as in the release's demo."""


@final
class Video(nn.Module):
    """Options as in the factory."""

    modality: Modality = "video"
    train = layers.train_unless_frozen

    def __init__(
        self, vision: Vision, output: Literal["clip", "frames", "patches"], trained: bool
    ) -> None:
        super().__init__()
        self.tower = vision
        self.output = output
        self.frozen = not trained
        self.dim = vision.shape.out
        layers.set_trainable(self, trained)

    @property
    def resolution(self) -> int:
        """Pixels along a side of what it looks at."""
        return self.tower.shape.image

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Frames ``(T, H, W, 3)`` to ``(T, side, side, 3)``, squashed to a square."""
        return vision.to_uint8(vision.resize_frames(source, self.resolution, PREPROCESS))

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
            return Tokens(values.new_zeros(len(values), 1, self.dim, dtype=torch.float32), real)
        embedding, patches = self.tower.projected(vision.normalize(values, PREPROCESS))
        match self.output:
            case "clip":
                tokens = embedding[:, None]
            case "frames":
                tokens = patches.mean(2)
            case "patches":
                tokens = patches.flatten(1, 2)
        return Tokens(tokens, real.expand(-1, tokens.shape[1]))
