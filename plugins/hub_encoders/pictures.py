"""Frames to the input of a model: resized by its own processor, as 8 bits, and scaled later.

A processor resizes and crops, and then multiplies and subtracts. The first half runs on the CPU and
its result is stored in 8 bits; the second half runs where the model is. What it multiplies with is
measured on a black and a white picture, so it holds for whatever the processor does there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egoexobench.errors import DataError
from egoexobench.types import Audio, Frames
from egoexobench_plugins.hub_encoders.load import quiet_library

_SIDE = 64
"""Side of the pictures with which a processor is measured."""
_PROCESSOR_FILES = (
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "processor_config.json",
)
"""Where transformers looks for the settings of a processor; one of them has to be there."""
_SCALING_STEPS = ("do_rescale", "do_normalize")


@final
class PictureProcessor(nn.Module):
    """The processor of a folder, in two halves.

    Args:
        folder: of the model.
        is_video: whether the processor takes a clip at once; otherwise Pillow resizes each frame,
            as it did when most models were published.
        resizes_floats: whether it scales first; then it runs as a whole, and nothing is split.

    Raises:
        DataError: if its files are missing or damaged, or it does what cannot be split.
    """

    scale: Tensor
    offset: Tensor

    def __init__(self, folder: Path, *, is_video: bool, resizes_floats: bool = False) -> None:
        super().__init__()
        self.is_video = is_video
        self.resizes_floats = resizes_floats
        if not any((folder / name).is_file() for name in _PROCESSOR_FILES):
            raise DataError(
                f"{folder} has no {_PROCESSOR_FILES[0]}, which says how frames are resized; "
                "save it there with `save_pretrained` of the image processor of the model"
            )
        with quiet_library(str(folder)):
            import transformers

            options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            loader: Any = transformers.AutoVideoProcessor
            if not is_video:
                loader, options["backend"] = transformers.AutoImageProcessor, "pil"
            self.processor = loader.from_pretrained(folder, **options)
            self.without_scaling = dict.fromkeys(_SCALING_STEPS, False)
            if hasattr(self.processor, "offset"):
                self.without_scaling["offset"] = False
            black, white = (self._measure(value) for value in (0, 255))
        scale = (white - black) / 255
        self.register_buffer("scale", torch.from_numpy(scale).float(), persistent=False)
        self.register_buffer("offset", torch.from_numpy(black).float(), persistent=False)
        picture = np.zeros((1, _SIDE, _SIDE, 3), np.uint8)
        self.resolution: int = self._process(picture, self.without_scaling).shape[-1]

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8 | np.float32]:
        """Return resized frames ``(T, 3, side, side)``."""
        assert isinstance(source, Frames)  # noqa: S101 - the harness passes this modality
        if self.resizes_floats:
            scaled: NDArray[np.float32] = self._process(source.pixels, {}).astype(np.float32)
            return scaled
        pixels = self._process(source.pixels, self.without_scaling)
        rounded: NDArray[np.uint8] = np.rint(pixels).clip(0, 255).astype(np.uint8)
        return rounded

    def normalize(self, pixels: Tensor) -> Tensor:
        """Return the input of the model for prepared pixels ``(..., 3, side, side)``."""
        if self.resizes_floats:
            return pixels
        scale, offset = self.scale[:, None, None], self.offset[:, None, None]
        return pixels.to(scale.dtype) * scale + offset

    def _process(self, pixels: NDArray[np.uint8], steps: Mapping[str, Any]) -> NDArray[Any]:
        """Return what the processor makes of frames ``(T, H, W, 3)``: ``(T, 3, side, side)``."""
        if self.is_video:
            batch = self.processor(
                videos=[pixels], do_sample_frames=False, return_tensors="np", **steps
            )
        else:
            batch = self.processor(images=list(pixels), return_tensors="np", **steps)
        array: NDArray[Any] = next(value for value in batch.values() if np.ndim(value) >= 4)
        return array.reshape(-1, *array.shape[-3:])

    def _measure(self, value: int) -> NDArray[np.float64]:
        """Return what each channel of a picture becomes that has one value everywhere."""
        picture = np.full((2, _SIDE, _SIDE, 3), value, np.uint8)
        result = self._process(picture, {}).astype(np.float64)
        channels: NDArray[np.float64] = result[0, :, 0, 0]
        if not np.allclose(result, channels[:, None, None], atol=1e-6):
            raise DataError(f"its processor {type(self.processor).__name__} fills in a border")
        return channels
