"""Encoder of pictures: each frame of a clip by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, final

import torch
from torch import Tensor, nn

from egoexobench.toolbox import layers
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.hub_encoders.load import PretrainedModel, get_states
from egoexobench_plugins.hub_encoders.pictures import PictureProcessor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ImageOutput = Literal["frames", "pooled", "tokens"]
PICTURES_AT_ONCE = 64
"""Frames of one forward pass."""


@final
class HubImageEncoder(nn.Module):
    """Encodes the frames of a clip with a model of pictures; the options are the factory's."""

    modality: Modality = "video"
    train = layers.train_unless_frozen

    def __init__(
        self, pretrained: PretrainedModel, *, output: ImageOutput, layer: int | None, trained: bool
    ) -> None:
        super().__init__()
        self.family = pretrained.family
        pretrained.check_layer(layer)
        self.model = pretrained.model
        self.content_hash = pretrained.content_hash
        self.output = output
        self.layer = layer
        self.frozen = not trained
        self.num_special = pretrained.count_special()
        self.pictures = PictureProcessor(
            pretrained.folder, is_video=False, resizes_floats=self.family.resizes_floats
        )
        is_pooler = output != "tokens" and layer is None and self.family.pooling == "pooler"
        self.dim = pretrained.get_width(is_pooler=is_pooler)
        layers.set_trainable(self, trained)

    @property
    def resolution(self) -> int:
        """Side of the input images, in pixels."""
        return self.pictures.resolution

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8 | np.float32]:
        """Return resized frames ``(T, 3, side, side)``."""
        return self.pictures.prepare(source)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens of frames ``(B, T, 3, side, side)``: a frame, a clip or a patch each."""
        chunks = [self._compute(frames) for frames in torch.split(values[mask], PICTURES_AT_ONCE)]
        vectors = torch.cat(chunks)  # (frames, N, dim)
        tokens = vectors.new_zeros(*mask.shape, *vectors.shape[1:])
        tokens[mask] = vectors
        if self.output == "tokens":
            repeated = mask[..., None].expand(tokens.shape[:3])
            return Tokens(tokens.flatten(1, 2), repeated.flatten(1, 2))
        tokens = tokens.squeeze(2)
        if self.output == "frames":
            return Tokens(tokens, mask)
        return Tokens(layers.masked_mean(Tokens(tokens, mask))[:, None], mask.any(1, keepdim=True))

    def _compute(self, frames: Tensor) -> Tensor:
        """Return tokens ``(N, places, dim)`` of frames, or ``(N, 1, dim)``: one for each frame."""
        if not len(frames):
            return torch.zeros(0, 1, self.dim, device=frames.device)
        result: Any = getattr(self.model, self.family.call)(
            pixel_values=self.pictures.normalize(frames),
            output_hidden_states=self.layer is not None,
        )
        states = get_states(result, self.layer)
        if states.ndim == 4:  # of a convolutional network
            states = states.flatten(2).transpose(1, 2)
        places = states[:, self.num_special :]
        if self.output == "tokens":
            return places
        pooling = self.family.pooling
        if pooling == "pooler" and self.layer is None:
            pooled: Tensor = result.pooler_output.flatten(1)
        else:
            pooled = states[:, 0] if self.num_special else places.mean(1)
        return pooled[:, None]
