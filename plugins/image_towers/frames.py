"""Encoder of the frames of a clip, each by itself, through a transform of pictures."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egoexobench.errors import DataError, UsageError, format_exception_line
from egoexobench.toolbox import layers
from egoexobench.toolbox.token_times import compute_token_times
from egoexobench.types import Audio, Frames, Modality, Tokens

FrameOutput = Literal["frames", "pooled", "tokens"]
PICTURES_AT_ONCE = 64
"""Frames of one forward pass."""


@dataclass(frozen=True, slots=True)
class PictureTower:
    """A model of pictures; ``transform`` ends with the steps ToTensor and Normalize.

    ``read_maps(model, pictures, index, norm)`` returns maps ``(N, D, height, width)``: what leaves
    the block with this index, with the last norm of the model if ``norm`` is set.
    """

    name: str
    model: Any
    transform: Any
    content_hash: str
    read_maps: Callable[[Any, Tensor, int, bool], Tensor]


@final
class FrameEncoder(nn.Module):
    """Encodes each frame of a clip; the options are those of the factory.

    Frames are resized with Pillow on the CPU and stored with 8 bits; they are scaled where the
    model is.

    Raises:
        DataError: if the transform ends in another way.
    """

    modality: Modality = "video"
    train = layers.train_unless_frozen
    mean: Tensor
    std: Tensor

    def __init__(
        self, tower: PictureTower, *, output: FrameOutput, layer: int | None, trained: bool
    ) -> None:
        super().__init__()
        check_layer(layer)
        *self.resize_steps, to_tensor, scaling = tower.transform.transforms
        steps = [type(step).__name__ for step in (to_tensor, scaling)]
        if steps[0] not in ("ToTensor", "MaybeToTensor") or steps[1] != "Normalize":
            raise DataError(f"{tower.name} prepares pictures with {' and '.join(steps)} at the end")
        self.model = tower.model
        self.read_maps = tower.read_maps
        self.content_hash = tower.content_hash
        self.output = output
        self.layer = layer
        self.frozen = not trained
        for name in ("mean", "std"):
            values = torch.as_tensor(getattr(scaling, name), dtype=torch.float32)
            self.register_buffer(name, values[:, None, None], persistent=False)
        layers.set_trainable(self, trained)
        picture = np.zeros((1, 64, 64, 3), np.uint8)
        prepared = torch.from_numpy(self.prepare(Frames(picture, np.zeros(1))))
        self.resolution: int = prepared.shape[-1]
        self.model.eval()
        # what the settings call the width differs by model
        self.dim: int = build_quietly(tower.name, lambda: self._measure_width(prepared))
        self.model.train(trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Return resized frames ``(T, 3, side, side)``."""
        assert isinstance(source, Frames)  # noqa: S101 - the harness passes this modality
        return np.stack([self._resize(pixels) for pixels in source.pixels])

    def get_token_times(self, frame_times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time of each token, that of its frame, s ``(T,)``."""
        return compute_token_times(frame_times, output=self.output)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens of frames ``(B, T, 3, side, side)``: a frame, a clip or a patch each."""
        if not bool(mask.any()):
            return Tokens(torch.zeros(*mask.shape, self.dim, device=values.device), mask)
        chunks = torch.split(values[mask], PICTURES_AT_ONCE)
        vectors = torch.cat([self._compute(frames) for frames in chunks])  # (frames, P, dim)
        tokens = vectors.new_zeros(*mask.shape, *vectors.shape[1:])
        tokens[mask] = vectors
        if self.output == "pooled":
            pooled = layers.masked_mean(Tokens(tokens[:, :, 0], mask))
            return Tokens(pooled[:, None], mask.any(1, keepdim=True))
        token_mask = mask[..., None].expand(tokens.shape[:3])
        return Tokens(tokens.flatten(1, 2), token_mask.flatten(1, 2))

    def _compute(self, frames: Tensor) -> Tensor:
        """Return tokens ``(N, P, dim)`` of frames, where P is 1 for vectors."""
        pictures = (frames.float() / 255 - self.mean) / self.std
        if self.output != "tokens" and self.layer is None:
            vectors: Tensor = self.model(pictures)
            return vectors[:, None]
        index = -1 if self.layer is None else get_block_index(self.layer)
        maps = self.read_maps(self.model, pictures, index, self.layer is None)
        patches = maps.flatten(2).transpose(1, 2)
        return patches if self.output == "tokens" else patches.mean(1, keepdim=True)

    @torch.inference_mode()
    def _measure_width(self, prepared: Tensor) -> int:
        return self._compute(prepared).shape[2]

    def _resize(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        from PIL import Image

        picture: Any = Image.fromarray(pixels)
        for step in self.resize_steps:
            picture = step(picture)
        return np.asarray(picture, np.uint8).transpose(2, 0, 1)


def check_layer(layer: int | None) -> None:
    """Refuse the layer 0, which these libraries do not return.

    Raises:
        UsageError: for layer 0.
    """
    if layer == 0:
        raise UsageError("layer=0: what enters the first block is not read; 1 is what leaves it")


def get_block_index(layer: int) -> int:
    """Return the index of a block, as the libraries count: 0 is the first, -1 the last."""
    return layer - 1 if layer > 0 else layer


def build_quietly(name: str, build: Callable[[], Any]) -> Any:
    """Return what a function of a library builds; it prints nothing and moves no generator.

    Raises:
        DataError: for any error of the library.
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # open_clip warns of random weights, which are loaded later
    try:
        with torch.random.fork_rng(devices=[]):
            return build()
    except Exception as error:  # settings from outside may break a library in any way
        raise DataError(f"{name} cannot be built: {format_exception_line(error)}") from error
    finally:
        logging.disable(disabled)
