"""The video encoder: from frames to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, final

import torch
from torch import Tensor, nn

from egoexobench.errors import DataError
from egoexobench.toolbox import layers, vision
from egoexobench.toolbox.token_times import compute_token_times
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.viclip.model import ViCLIPVisionTower

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREPROCESS = vision.ImagePreprocess(*vision.IMAGENET_MEAN_STD, "stretch")
"""With ImageNet's mean and deviation, not CLIP's, as in the demo of the release."""


@final
class ViCLIPVideoEncoder(nn.Module):
    """Encodes video with ViCLIP; the options are those of the factory."""

    modality: Modality = "video"
    train = layers.train_unless_frozen

    def __init__(
        self, tower: ViCLIPVisionTower, output: Literal["clip", "frames", "patches"], trained: bool
    ) -> None:
        super().__init__()
        self.tower = tower
        self.output = output
        self.frozen = not trained
        self.dim = tower.config.out
        layers.set_trainable(self, trained)

    @property
    def resolution(self) -> int:
        """Side of the input images, in pixels."""
        return self.tower.config.image

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Return frames ``(T, side, side, 3)``, stretched to a square."""
        return vision.to_uint8(vision.resize_frames(source, self.resolution, PREPROCESS))

    def get_token_times(self, frame_times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time of each token, that of its frame, s ``(T,)``."""
        return compute_token_times(frame_times, output=self.output)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return the tokens of prepared frames ``(B, T, side, side, 3)``, as `output` says.

        Pixels are normalized here, so that prepared frames take 8 bits a value.

        Raises:
            DataError: if clips differ in length, or have a length that the network cannot read.
        """
        real = mask[:, :1]
        if bool((mask != real).any()):
            counts = sorted({int(count) for count in mask.sum(1)})
            raise DataError(
                f"viclip: clips have {counts} frames; all must have the same number of frames"
            )
        if not bool(real.any()):  # no clip of the batch has frames
            return Tokens(values.new_zeros(len(values), 1, self.dim, dtype=torch.float32), real)
        embedding, patches = self.tower.embed_video(vision.normalize(values, PREPROCESS))
        match self.output:
            case "clip":
                tokens = embedding[:, None]
            case "frames":
                tokens = patches.mean(2)
            case "patches":
                tokens = patches.flatten(1, 2)
        return Tokens(tokens, real.expand(-1, tokens.shape[1]))
