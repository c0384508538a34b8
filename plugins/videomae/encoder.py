"""The video encoder: from frames to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, final

import torch
from torch import Tensor, nn

from egoexobench.toolbox import layers, vision
from egoexobench.toolbox.token_times import compute_token_times
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.videomae.model import VideoMAEClassifier

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREPROCESS = vision.ImagePreprocess(*vision.IMAGENET_MEAN_STD, "resize_center_crop")


@final
class VideoMAEEncoder(nn.Module):
    """Encodes video with VideoMAE V2; the options are those of the factory."""

    modality: Modality = "video"
    train = layers.train_unless_frozen

    def __init__(
        self, model: VideoMAEClassifier, output: Literal["clip", "frames", "patches"], trained: bool
    ) -> None:
        super().__init__()
        self.model = model
        self.output = output
        self.frozen = not trained
        self.dim = model.config.width
        layers.set_trainable(self, trained)

    @property
    def resolution(self) -> int:
        """Side of the input images, in pixels."""
        return self.model.config.image

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Return resized and cropped frames ``(T, side, side, 3)``.

        Raises:
            DataError: if the number of frames is not the network's.
        """
        vision.check_num_frames(source, self.model.config.frames, "videomae")
        return vision.to_uint8(vision.resize_frames(source, self.resolution, PREPROCESS))

    def get_token_times(self, frame_times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time of each token, the mean of its tube's frames, s ``(T,)``."""
        return compute_token_times(frame_times, output=self.output, step=self.model.config.tubelet)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return the tokens of prepared frames ``(B, T, side, side, 3)``, as `output` says.

        Pixels are normalized here, so that prepared frames take 8 bits a value.
        """
        real = mask[:, :1]
        if values.shape[1] != self.model.config.frames:  # no clip of the batch has frames
            return Tokens(values.new_zeros(len(values), 1, self.dim, dtype=torch.float32), real)
        tubes = self.model.encode_tubes(vision.normalize(values, PREPROCESS))  # (B, T / 2, N, D)
        match self.output:
            case "clip":
                tokens = self.model.fc_norm(tubes.mean((1, 2)))[:, None]
            case "frames":
                tokens = self.model.fc_norm(tubes.mean(2))
            case "patches":
                tokens = tubes.flatten(1, 2)
        return Tokens(tokens, real.expand(-1, tokens.shape[1]))
