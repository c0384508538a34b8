"""The video encoder around either network: from frames to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from egoexobench.toolbox import layers, vision
from egoexobench.toolbox.token_times import compute_token_times
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.egoinstructor_encoders.ego_videomae import EgoVideoMAE, Output
from egoexobench_plugins.egoinstructor_encoders.internvideo_mm import InternVideoMMVision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREPROCESS = vision.ImagePreprocess(*vision.CLIP_MEAN_STD, "center_crop_resize", antialias=True)
"""EgoInstructor crops and scales with ffmpeg, whose default filter is bicubic."""
GROUPS_PER_PASS = 16
"""Groups of frames in one forward pass; tokens do not depend on it."""


@final
class GroupedVideoEncoder(nn.Module):
    """Encodes a video in groups of frames; the options are those of the factories."""

    modality: Modality = "video"
    train = layers.train_unless_frozen

    def __init__(
        self,
        model: EgoVideoMAE | InternVideoMMVision,
        output: Output,
        trained: bool,
        seconds: int = 1,
    ) -> None:
        super().__init__()
        self.model = model
        self.seconds = seconds
        self.output = output
        self.frozen = not trained
        self.dim = model.dim
        layers.set_trainable(self, trained)

    @property
    def resolution(self) -> int:
        """Side of the input images, in pixels."""
        return self.model.config.image

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Return the resized center squares ``(T, side, side, 3)`` of the frames.

        Raises:
            DataError: if the number of frames is not that of all groups.
        """
        vision.check_num_frames(source, self.seconds * self.model.config.frames, self.model.NAME)
        return vision.to_uint8(vision.resize_frames(source, self.resolution, PREPROCESS))

    def get_token_times(self, frame_times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time of each token, the mean of its frames, s ``(T,)``."""
        return compute_token_times(
            frame_times, output=self.output, step=self.model.frames_per_token
        )

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return the tokens of prepared frames ``(B, T, side, side, 3)``, as `output` says.

        Pixels are normalized here, so that prepared frames take 8 bits a value.
        """
        real = mask[:, :1]
        frames = self.model.config.frames
        if values.shape[1] != self.seconds * frames:  # no clip of the batch has frames
            return Tokens(values.new_zeros(len(values), 1, self.dim, dtype=torch.float32), real)
        groups = values.reshape(-1, frames, *values.shape[2:])
        tokens = self._encode_groups(groups).reshape(len(values), -1, self.dim)
        return Tokens(tokens, real.expand(-1, tokens.shape[1]))

    def _encode_groups(self, groups: Tensor) -> Tensor:
        """Return the tokens ``(N, T, D)`` of groups of frames; repeated groups run once."""
        is_new = torch.ones(len(groups), dtype=torch.bool, device=groups.device)
        is_new[1:] = (groups[1:] != groups[:-1]).flatten(1).any(1)
        chunks = torch.split(groups[is_new], GROUPS_PER_PASS)
        outputs = torch.cat(
            [self.model(vision.normalize(chunk, PREPROCESS), self.output) for chunk in chunks]
        )
        return outputs[is_new.cumsum(0) - 1]
