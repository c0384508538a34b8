"""How the systems that share the space-time transformer differ, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Activation = Literal["gelu", "quick_gelu"]
Inflate = Literal["zeros", "bilinear", "aligned", "nearest"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes and switches of the network; none of them is read off a checkpoint.

    ``stretch`` lets a clip have more frames than the temporal table has rows; ``checkpoint``
    computes blocks again in the backward pass.
    """

    image: int
    patch: int
    width: int
    depth: int
    heads: int
    frames: int
    ln_pre: bool
    patch_bias: bool
    activation: Activation
    gated: bool = False
    stretch: bool = False
    checkpoint: bool = False
    mlp_ratio: float = 4.0
    eps: float = 1e-6
    """Of the norms in the blocks and of the last one."""
    pre_eps: float = 1e-5
    """Of the norm before the first block."""


@dataclass(frozen=True, slots=True)
class System:
    """What a system fixes: its layout and its pixels.

    ``mean`` and ``deviation`` are on a scale of 0 to 255. ``margin`` is the short side before
    the centre crop, as a multiple of the crop; None squashes the picture to a square instead.
    """

    ln_pre: bool
    patch_bias: bool
    activation: Activation
    stretch: bool
    inflate: Inflate
    projection_bias: bool
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    margin: float | None


_CLIP = (68.5005327, 66.6321579, 70.32316305)

# frozen-in-time: model/video_transformer.py, model/model.py, data_loader/transforms.py
_FIT = System(
    ln_pre=False,
    patch_bias=True,
    activation="gelu",
    stretch=False,
    inflate="zeros",
    projection_bias=True,
    mean=(0.485 * 255, 0.456 * 255, 0.406 * 255),
    deviation=(0.229 * 255, 0.224 * 255, 0.225 * 255),
    margin=256 / 224,
)

SYSTEMS: dict[str, System] = {
    "frozen-in-time": _FIT,
    "egovlp": _FIT,
    # The red mean is 108.3 at every place of LaViLa's code, where CLIP's is 122.8; its published
    # weights were trained with it.
    "lavila": System(
        ln_pre=True,
        patch_bias=False,
        activation="quick_gelu",
        stretch=False,
        inflate="bilinear",
        projection_bias=False,
        mean=(108.3272985, 116.7460125, 104.09373615),
        deviation=_CLIP,
        margin=1.0,
    ),
    "egoexo": System(
        ln_pre=True,
        patch_bias=False,
        activation="quick_gelu",
        stretch=True,
        inflate="bilinear",
        projection_bias=False,
        mean=(122.7709393, 116.7460125, 104.09373615),
        deviation=_CLIP,
        margin=None,
    ),
}
