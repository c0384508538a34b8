"""Frames to the input of an image network: resize, crop, round and normalize as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torch.nn import functional

from egoexobench.errors import DataError
from egoexobench.types import Audio, Frames

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Channels = tuple[float, float, float]
"""A number each for red, green and blue."""
ResizeMode = Literal["stretch", "resize_center_crop", "center_crop_resize"]


@dataclass(frozen=True, slots=True)
class ImagePreprocess:
    """How a network's authors turn a picture into a square of normalized pixels.

    Args:
        mean: mean of each channel on a scale of 0 to 255.
        std: standard deviation of each channel on a scale of 0 to 255.
        resize_mode: how a picture becomes square. `stretch` ignores its aspect ratio;
            `resize_center_crop` scales the short side to ``margin`` times the target side and
            keeps the center; `center_crop_resize` crops the largest center square. All are then
            resized to the target side.
        antialias: bicubic with antialiasing, like Pillow and ffmpeg; otherwise bilinear without,
            like OpenCV, and like torchvision before 0.17 on tensors.
        margin: short side before the crop, as a multiple of the target side.
    """

    mean: Channels
    std: Channels
    resize_mode: ResizeMode
    antialias: bool = False
    margin: float = 1.0


def to_255(values: Channels) -> Channels:
    """Return means or deviations, often published on a scale of 0 to 1, on a scale of 0 to 255."""
    red, green, blue = (255 * value for value in values)
    return red, green, blue


IMAGENET_MEAN_STD = (to_255((0.485, 0.456, 0.406)), to_255((0.229, 0.224, 0.225)))
"""Mean and standard deviation of ImageNet's pictures."""
CLIP_MEAN_STD = (
    to_255((0.48145466, 0.4578275, 0.40821073)),
    to_255((0.26862954, 0.26130258, 0.27577711)),
)
"""Mean and standard deviation of the pictures that CLIP was trained on."""


def resize_frames(source: Frames | Audio | str, side: int, preprocess: ImagePreprocess) -> Tensor:
    """Resize frames ``(T, H, W, 3)`` to squares.

    Returns:
        Images ``(T, side, side, 3)`` on a scale of 0 to 255, neither rounded nor clipped.
    """
    assert isinstance(source, Frames)  # noqa: S101 - the harness passes the encoder's modality
    images = torch.tensor(source.pixels).permute(0, 3, 1, 2).float()  # (T, 3, H, W)
    if preprocess.resize_mode == "center_crop_resize":
        images = _center_crop(images, min(images.shape[2:]))
    elif preprocess.resize_mode == "resize_center_crop":
        short_side = round(side * preprocess.margin)
        smallest = min(images.shape[2:])
        height, width = (short_side * extent // smallest for extent in images.shape[2:])
        images = _center_crop(
            _resize_images(images, height, width, preprocess.antialias), short_side
        )
    return _resize_images(images, side, side, preprocess.antialias).permute(0, 2, 3, 1)


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """Round images on a scale of 0 to 255 to 8 bits a value, the precision of decoded frames."""
    return images.round().clamp(0, 255).byte().numpy()


def normalize(images: Tensor, preprocess: ImagePreprocess) -> Tensor:
    """Subtract the mean and divide by the standard deviation of each channel.

    Args:
        images: ``(..., H, W, 3)`` on a scale of 0 to 255, integers or floats.
        preprocess: the mean and the standard deviation.

    Returns:
        Images ``(..., 3, H, W)``.
    """
    pixels = images if images.is_floating_point() else images.float()
    mean, std = pixels.new_tensor(preprocess.mean), pixels.new_tensor(preprocess.std)
    return ((pixels - mean) / std).movedim(-1, -3)


def check_num_frames(source: Frames | Audio | str, num_frames: int, name: str) -> None:
    """Check that a clip has as many frames as a network takes.

    Raises:
        DataError: with both numbers, if it has not.
    """
    assert isinstance(source, Frames)  # noqa: S101 - the harness passes the encoder's modality
    if len(source.pixels) != num_frames:
        raise DataError(
            f"{name}: a clip has {len(source.pixels)} frames and the network takes {num_frames}; "
            f"set frames={num_frames} for the method or the encoder's frames"
        )


def _center_crop(images: Tensor, side: int) -> Tensor:
    top, left = (round((extent - side) / 2) for extent in images.shape[2:])
    return images[:, :, top : top + side, left : left + side]


def _resize_images(images: Tensor, height: int, width: int, antialias: bool) -> Tensor:
    if images.shape[2:] == (height, width):
        return images
    mode = "bicubic" if antialias else "bilinear"
    return functional.interpolate(images, (height, width), mode=mode, antialias=antialias)
