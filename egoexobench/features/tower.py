"""What the towers of encoders share: pictures as a system looks at them, and what frozen means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.errors import DataError
from egoexobench.values import Frames, Sound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Triple = tuple[float, float, float]
M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Look:
    """How a system looks at a picture.

    ``mean`` and ``deviation`` are of red, green and blue on a scale of 0 to 255. ``square`` says
    how a picture becomes one: `squash` gives up its aspect ratio; `crop` scales the short side to
    ``margin`` times the side and keeps the centre; `cut` keeps the centre square as large as it
    is. All are then resized to the side: ``smooth`` is bicubic with smoothing, as Pillow and
    ffmpeg do it, otherwise bilinear without, as OpenCV does it, and torchvision before 0.17 to
    tensors.
    """

    mean: Triple
    deviation: Triple
    square: Literal["squash", "crop", "cut"]
    smooth: bool = False
    margin: float = 1.0


def scaled(values: Triple) -> Triple:
    """Means or deviations on a scale of 0 to 1, as they are often published, to 0 to 255."""
    red, green, blue = (255 * value for value in values)
    return red, green, blue


IMAGENET = (scaled((0.485, 0.456, 0.406)), scaled((0.229, 0.224, 0.225)))
"""Mean and deviation of ImageNet's pictures."""
CLIP = (
    scaled((0.48145466, 0.4578275, 0.40821073)),
    scaled((0.26862954, 0.26130258, 0.27577711)),
)
"""Of CLIP's."""


def squares(source: Frames | Sound | str, side: int, look: Look) -> Tensor:
    """Frames ``(T, H, W, 3)`` as a system looks at them, still on a scale of 0 to 255.

    Returns:
        Pictures ``(T, side, side, 3)``, neither rounded nor clipped.
    """
    assert isinstance(source, Frames)  # noqa: S101 - the harness hands over its modality
    planes = torch.tensor(source.pixels).permute(0, 3, 1, 2).float()  # (T, 3, H, W)
    if look.square == "cut":
        planes = _centre(planes, min(planes.shape[2:]))
    elif look.square == "crop":
        short = round(side * look.margin)
        least = min(planes.shape[2:])
        height, width = (short * extent // least for extent in planes.shape[2:])
        planes = _centre(_resized(planes, height, width, look.smooth), short)
    return _resized(planes, side, side, look.smooth).permute(0, 2, 3, 1)


def rounded(pictures: Tensor) -> NDArray[np.uint8]:
    """Pictures on a scale of 0 to 255 at 8 bits a value, which is what they were decoded to."""
    return pictures.round().clamp(0, 255).byte().numpy()


def normed(pictures: Tensor, look: Look) -> Tensor:
    """Pictures ``(..., H, W, 3)`` on a scale of 0 to 255 to what a network takes.

    Returns:
        Normalised pictures ``(..., 3, H, W)``.
    """
    mean, deviation = pictures.new_tensor(look.mean), pictures.new_tensor(look.deviation)
    return ((pictures - mean) / deviation).movedim(-1, -3)


def counted(source: Frames | Sound | str, frames: int, name: str) -> None:
    """Hold that a clip has as many pictures as a network takes.

    Raises:
        DataError: saying both numbers.
    """
    assert isinstance(source, Frames)  # noqa: S101 - the harness hands over its modality
    if len(source.pixels) != frames:
        raise DataError(
            f"{name}: a clip has {len(source.pixels)} frames and the network takes {frames}; "
            f"set frames={frames} for the method or the encoder's frames"
        )


def settle(module: nn.Module, trained: bool) -> None:
    """Have a module train, or freeze it: in evaluation mode and without gradients."""
    module.requires_grad_(trained)
    module.train(trained)


def still(encoder: M, mode: bool = True) -> M:
    """``nn.Module.train`` of an encoder, which stays in evaluation mode where it is frozen.

    A class takes it over by ``train = still``. Batch norm then never reads its batch.
    """
    nn.Module.train(encoder, mode and not encoder.frozen)
    return encoder


def _centre(planes: Tensor, side: int) -> Tensor:
    top, left = (round((extent - side) / 2) for extent in planes.shape[2:])
    return planes[:, :, top : top + side, left : left + side]


def _resized(planes: Tensor, height: int, width: int, smooth: bool) -> Tensor:
    if planes.shape[2:] == (height, width):
        return planes
    mode = "bicubic" if smooth else "bilinear"
    return functional.interpolate(planes, (height, width), mode=mode, antialias=smooth)
