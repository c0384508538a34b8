"""Frames to the input of a model: resized by its own processor, as 8 bits, and scaled later.

A processor resizes and crops, and then multiplies and subtracts. The first half runs on the CPU and
its result is stored in 8 bits; the second half runs where the model is. What it multiplies with is
measured on a black and a white picture, so it holds for whatever the processor does there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egoexobench.errors import DataError
from egoexobench.types import Audio, Frames
from egoexobench_plugins.hub_encoders.load import quiet_library

SIDE = 64
"""Side of the pictures with which a processor is measured."""
WITHOUT_SCALING = {"do_rescale": False, "do_normalize": False}
"""Arguments of a processor that then only resizes."""
_EXTRA_SCALING = ("offset", "rescale_offset", "include_top")
"""Settings of some processors that scale as well."""
_PROCESSOR_FILES = (
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "processor_config.json",
)
"""Where transformers looks for the settings of a processor; one of them has to be there."""


@final
class PictureProcessor(nn.Module):
    """The processor of a folder, in two halves.

    Args:
        folder: of the model.
        is_video: whether the processor takes a clip at once; otherwise Pillow resizes each frame,
            as it did when most models were published.
        resizes_floats: whether it scales first; then it runs as a whole, and nothing is split.
        input_name: name of the argument of the model that gets the pictures.

    Raises:
        DataError: if its files are missing or damaged, or it does what cannot be split.
    """

    scale: Tensor
    offset: Tensor

    def __init__(
        self,
        folder: Path,
        *,
        is_video: bool,
        resizes_floats: bool = False,
        input_name: str = "pixel_values",
    ) -> None:
        super().__init__()
        self.is_video = is_video
        self.resizes_floats = resizes_floats
        self.input_name = input_name
        with quiet_library(str(folder)):
            self.processor = load_processor(folder, is_video=is_video)
            extra = {name: False for name in _EXTRA_SCALING if hasattr(self.processor, name)}
            self.without_scaling = WITHOUT_SCALING | extra
            scale, offset = measure_scaling(self._process_flat_picture)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("offset", offset, persistent=False)
        white = np.full((1, SIDE, SIDE, 3), 255, np.uint8)
        resized = self._process(white, self.without_scaling)
        self.resolution: int = resized.shape[-1]
        if not resizes_floats and not np.allclose(resized, 255, atol=0.5):
            raise DataError(f"{folder}: its processor scales pixels in a way that is not known")

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
        """Return scaled pixels ``(..., 3, side, side)`` of prepared ones."""
        if self.resizes_floats:
            return pixels
        scale, offset = self.scale[:, None, None], self.offset[:, None, None]
        return pixels.to(scale.dtype) * scale + offset

    def make_inputs(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return the input of the model for prepared pixels ``(..., 3, side, side)``."""
        return {self.input_name: self.normalize(pixels)}

    def mark_places(self, pixels: Tensor, num_places: int) -> Tensor:
        """Return that all places ``(N, P)`` of pictures are of a picture."""
        return torch.ones(len(pixels), num_places, dtype=torch.bool, device=pixels.device)

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

    def _process_flat_picture(self, value: int) -> NDArray[np.float64]:
        """Return ``(3, pixels)`` of a picture with one value everywhere."""
        result = self._process(np.full((2, SIDE, SIDE, 3), value, np.uint8), {})
        channels: NDArray[np.float64] = result.swapaxes(0, 1).reshape(3, -1)
        return channels


def load_processor(folder: Path, *, is_video: bool) -> Any:
    """Return the processor of a folder, with Pillow where the library has both backends.

    Raises:
        DataError: if the folder has no settings of a processor.
    """
    if not any((folder / name).is_file() for name in _PROCESSOR_FILES):
        raise DataError(
            f"{folder} has no {_PROCESSOR_FILES[0]}, which says how frames are resized; "
            "save it there with `save_pretrained` of the image processor of the model"
        )
    import transformers

    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    loader: Any = transformers.AutoVideoProcessor
    if not is_video:
        loader, options["backend"] = transformers.AutoImageProcessor, "pil"
    return loader.from_pretrained(folder, **options)


def measure_scaling(process_picture: Callable[[int], NDArray[Any]]) -> tuple[Tensor, Tensor]:
    """Return what a processor multiplies each channel of a pixel with, and what it adds.

    Args:
        process_picture: returns ``(3, pixels)`` of a picture with one value everywhere.

    Raises:
        DataError: if it does not do the same everywhere.
    """
    results = [process_picture(value).astype(np.float64) for value in (0, 255)]
    for result in results:
        if not np.allclose(result, result[:, :1], atol=1e-6):
            raise DataError("its processor fills in a border, which is no scaling of pixels")
    black, white = (result[:, 0] for result in results)
    return torch.from_numpy((white - black) / 255).float(), torch.from_numpy(black).float()
