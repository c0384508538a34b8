"""Frames to patches, for models that keep the ratio of the sides of a picture (NaFlex)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egoexobench.errors import DataError
from egoexobench.types import Audio, Frames
from egoexobench_plugins.hub_encoders.load import quiet_library
from egoexobench_plugins.hub_encoders.pictures import (
    SIDE,
    WITHOUT_SCALING,
    load_processor,
    measure_scaling,
)


@final
class PatchProcessor(nn.Module):
    """The processor of a folder, whose patches keep 8 bits until they are where the model is.

    Row 0 of a prepared frame holds how many patches it has in height and in width, each less 1, so
    that both fit into 8 bits.

    Raises:
        DataError: if its files are missing or damaged, or it does what cannot be split.
    """

    scale: Tensor
    offset: Tensor
    resolution: int | None = None

    def __init__(self, folder: Path) -> None:
        super().__init__()
        with quiet_library(str(folder)):
            self.processor = load_processor(folder, is_video=False)
            scale, offset = measure_scaling(self._process_flat_picture)
        repeats = int(self.processor.patch_size) ** 2
        self.register_buffer("scale", scale.repeat(repeats), persistent=False)
        self.register_buffer("offset", offset.repeat(repeats), persistent=False)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Return patches ``(T, P + 1, side * side * 3)`` of frames, behind their number.

        Raises:
            DataError: for a picture with more than 256 patches in a row or a column.
        """
        assert isinstance(source, Frames)  # noqa: S101 - the harness passes this modality
        batch = self._process(source.pixels, WITHOUT_SCALING)
        shapes = np.asarray(batch["spatial_shapes"])
        if shapes.max() > 256:
            raise DataError(f"a frame has {shapes.max()} patches in a row; at most 256 are read")
        patches = np.rint(batch["pixel_values"]).clip(0, 255).astype(np.uint8)
        header = np.zeros_like(patches[:, :1])
        header[:, 0, :2] = shapes - 1
        return np.concatenate([header, patches], 1)

    def make_inputs(self, prepared: Tensor) -> dict[str, Tensor]:
        """Return the input of the model for prepared frames ``(N, P + 1, values)``."""
        is_patch = self.mark_places(prepared, prepared.shape[1] - 1)
        scaled = prepared[:, 1:].to(self.scale.dtype) * self.scale + self.offset
        return {
            "pixel_values": scaled.masked_fill(~is_patch[..., None], 0),  # as the library pads
            "pixel_attention_mask": is_patch.long(),
            "spatial_shapes": _read_shapes(prepared),
        }

    def mark_places(self, prepared: Tensor, num_places: int) -> Tensor:
        """Return which of the places ``(N, P)`` of frames hold a patch."""
        counts = _read_shapes(prepared).prod(1, keepdim=True)
        return torch.arange(num_places, device=prepared.device) < counts

    def _process(self, pixels: NDArray[np.uint8], steps: dict[str, bool]) -> Any:
        return self.processor(images=list(pixels), return_tensors="np", **steps)

    def _process_flat_picture(self, value: int) -> NDArray[np.float64]:
        """Return ``(3, patches)`` of a picture with one value everywhere."""
        batch = self._process(np.full((1, SIDE, SIDE, 3), value, np.uint8), {})
        height, width = batch["spatial_shapes"][0]
        patches: NDArray[np.float64] = batch["pixel_values"][0, : height * width].reshape(-1, 3).T
        return patches


def _read_shapes(prepared: Tensor) -> Tensor:
    return prepared[:, 0, :2].long() + 1
