"""From frames to tokens, for both networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from egoexobench.toolbox import layers, vision
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.egoinstructor_encoders.ego_videomae import Ego, Output
from egoexobench_plugins.egoinstructor_encoders.internvideo_mm import Exo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREPROCESS = vision.ImagePreprocess(*vision.CLIP_MEAN_STD, "center_crop_resize", antialias=True)
"""EgoInstructor lets ffmpeg crop and scale; its default filter is bicubic."""


AT_ONCE = 16
"""Groups of frames in one pass; tokens do not depend on it."""


@final
class Video(nn.Module):
    """Options as in the factories."""

    modality: Modality = "video"
    train = layers.train_unless_frozen

    def __init__(self, model: Ego | Exo, output: Output, trained: bool, seconds: int = 1) -> None:
        super().__init__()
        self.model = model
        self.seconds = seconds
        self.output = output
        self.frozen = not trained
        self.dim = model.dim
        layers.set_trainable(self, trained)

    @property
    def resolution(self) -> int:
        """Pixels along a side of what it looks at."""
        return self.model.shape.image

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Frames ``(T, H, W, 3)`` to ``(T, side, side, 3)``: the centre square, resized.

        Raises:
            DataError: for another number of frames than the network takes.
        """
        vision.check_num_frames(source, self.seconds * self.model.shape.frames, self.model.NAME)
        return vision.to_uint8(vision.resize_frames(source, self.resolution, PREPROCESS))

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Prepared ``(B, T, side, side, 3)`` to tokens; see the option `output` for how many.

        Mean and deviation are taken off here, so that what is prepared stays 8 bits a value.
        """
        real = mask[:, :1]
        frames = self.model.shape.frames
        if values.shape[1] != self.seconds * frames:  # no clip of the batch has any picture
            return Tokens(values.new_zeros(len(values), 1, self.dim, dtype=torch.float32), real)
        tokens = self._each(values.reshape(-1, frames, *values.shape[2:]))  # (B * seconds, T, D)
        tokens = tokens.reshape(len(values), -1, self.dim)
        return Tokens(tokens, real.expand(-1, tokens.shape[1]))

    def _each(self, groups: Tensor) -> Tensor:
        """Tokens ``(N, T, D)`` of groups of frames; one like the one before is not run again."""
        fresh = torch.ones(len(groups), dtype=torch.bool, device=groups.device)
        fresh[1:] = (groups[1:] != groups[:-1]).flatten(1).any(1)
        parts = torch.split(groups[fresh], AT_ONCE)
        found = torch.cat(
            [self.model(vision.normalize(one, PREPROCESS), self.output) for one in parts]
        )
        return found[fresh.cumsum(0) - 1]
