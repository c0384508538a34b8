"""Encoder of pictures: each frame of a clip by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, final

import torch
from torch import Tensor

from egoexobench.toolbox import layers
from egoexobench.toolbox.token_times import compute_token_times
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.hub_encoders.encoder import HubEncoder
from egoexobench_plugins.hub_encoders.load import PretrainedModel
from egoexobench_plugins.hub_encoders.patches import PatchProcessor
from egoexobench_plugins.hub_encoders.pictures import PictureProcessor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ImageOutput = Literal["frames", "pooled", "tokens"]
PICTURES_AT_ONCE = 64
"""Frames of one forward pass."""


@final
class HubImageEncoder(HubEncoder):
    """Encodes the frames of a clip with a model of pictures; the options are the factory's."""

    modality: Modality = "video"

    def __init__(
        self, pretrained: PretrainedModel, *, output: ImageOutput, layer: int | None, trained: bool
    ) -> None:
        has_vectors = output != "tokens"
        super().__init__(
            pretrained, output=output, layer=layer, trained=trained, has_vectors=has_vectors
        )
        self.pictures = (
            PatchProcessor(pretrained.folder)
            if self.family.processor == "patches"
            else PictureProcessor(
                pretrained.folder, is_video=False, resizes_floats=self.family.resizes_floats
            )
        ).train(trained)

    @property
    def resolution(self) -> int | None:
        """Side of the input images, in pixels; None where it is that of the frames."""
        return self.pictures.resolution

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8 | np.float32]:
        """Return resized frames ``(T, 3, side, side)``, or patches ``(T, P + 1, values)``."""
        return self.pictures.prepare(source)

    def get_token_times(self, frame_times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time of each token, that of its frame, s ``(T,)``."""
        return compute_token_times(frame_times, output=self.output)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens of prepared frames ``(B, T, ...)``: a frame, a clip or a patch each."""
        if not bool(mask.any()):
            return Tokens(torch.zeros(*mask.shape, self.dim, device=values.device), mask)
        chunks = [self._compute(frames) for frames in torch.split(values[mask], PICTURES_AT_ONCE)]
        vectors = torch.cat([tokens for tokens, _ in chunks])  # (frames, N, dim)
        tokens = vectors.new_zeros(*mask.shape, *vectors.shape[1:])
        tokens[mask] = vectors
        if self.output == "tokens":
            token_mask = mask.new_zeros(tokens.shape[:3])
            token_mask[mask] = torch.cat([is_place for _, is_place in chunks])
            return Tokens(tokens.flatten(1, 2), token_mask.flatten(1, 2))
        tokens = tokens.squeeze(2)
        if self.output == "frames":
            return Tokens(tokens, mask)
        return Tokens(layers.masked_mean(Tokens(tokens, mask))[:, None], mask.any(1, keepdim=True))

    def _compute(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens ``(N, places, dim)`` of frames and their mask; one place for vectors."""
        result = self.run_model(**self.pictures.make_inputs(frames))
        states = self.get_states(result)
        if states.ndim == 4:  # of a convolutional network
            states = states.flatten(2).transpose(1, 2)
        places = states[:, self.num_special :]
        is_place = self.pictures.mark_places(frames, places.shape[1])
        if self.output == "tokens":
            return places, is_place
        if self.pooling == "pooler" and self.is_published:
            vectors: Tensor = result.pooler_output.flatten(1)
        elif self.num_special:
            vectors = self.project(states[:, 0])
        else:
            vectors = self.project(layers.masked_mean(Tokens(places, is_place)))
        return vectors[:, None], is_place[:, :1]
