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

from egoexobench.errors import DataError, format_exception_line
from egoexobench.toolbox import layers
from egoexobench.types import Audio, Frames, Modality, Tokens

FrameOutput = Literal["frames", "pooled"]
PICTURES_AT_ONCE = 64
"""Frames of one forward pass."""


@dataclass(frozen=True, slots=True)
class PictureTower:
    """A model of pictures; ``transform`` ends with the steps ToTensor and Normalize."""

    name: str
    model: Any
    transform: Any
    content_hash: str


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

    def __init__(self, tower: PictureTower, *, output: FrameOutput, trained: bool) -> None:
        super().__init__()
        *self.resize_steps, to_tensor, scaling = tower.transform.transforms
        steps = [type(step).__name__ for step in (to_tensor, scaling)]
        if steps[0] not in ("ToTensor", "MaybeToTensor") or steps[1] != "Normalize":
            raise DataError(f"{tower.name} prepares pictures with {' and '.join(steps)} at the end")
        self.model = tower.model
        self.content_hash = tower.content_hash
        self.output = output
        self.frozen = not trained
        for name in ("mean", "std"):
            values = torch.as_tensor(getattr(scaling, name), dtype=torch.float32)
            self.register_buffer(name, values[:, None, None], persistent=False)
        layers.set_trainable(self, trained)
        picture = np.zeros((1, 64, 64, 3), np.uint8)
        prepared = torch.from_numpy(self.prepare(Frames(picture, np.zeros(1))))
        self.resolution: int = prepared.shape[-1]
        self.model.eval()
        with torch.inference_mode():  # what the settings call the width differs by model
            self.dim: int = self._compute(prepared).shape[1]
        self.model.train(trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Return resized frames ``(T, 3, side, side)``."""
        assert isinstance(source, Frames)  # noqa: S101 - the harness passes this modality
        return np.stack([self._resize(pixels) for pixels in source.pixels])

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens of frames ``(B, T, 3, side, side)``: one for each frame, or their mean."""
        tokens = torch.zeros(*mask.shape, self.dim, device=values.device)
        if bool(mask.any()):
            chunks = torch.split(values[mask], PICTURES_AT_ONCE)
            vectors = torch.cat([self._compute(frames) for frames in chunks])
            tokens = tokens.to(vectors.dtype)
            tokens[mask] = vectors
        if self.output == "frames":
            return Tokens(tokens, mask)
        return Tokens(layers.masked_mean(Tokens(tokens, mask))[:, None], mask.any(1, keepdim=True))

    def _compute(self, frames: Tensor) -> Tensor:
        vectors: Tensor = self.model((frames.float() / 255 - self.mean) / self.std)
        return vectors

    def _resize(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        from PIL import Image

        picture: Any = Image.fromarray(pixels)
        for step in self.resize_steps:
            picture = step(picture)
        return np.asarray(picture, np.uint8).transpose(2, 0, 1)


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
