"""How the systems that share the space-time transformer differ, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from egoexobench.toolbox.vision import IMAGENET_MEAN_STD, ImagePreprocess

Activation = Literal["gelu", "quick_gelu"]
Inflate = Literal["zeros", "bilinear", "aligned", "nearest"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes and switches of the network; none of them is read off a checkpoint.

    ``stretch`` lets a clip have more frames than the temporal table has rows; ``checkpointing``
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
    checkpointing: bool = False
    mlp_ratio: float = 4.0
    eps: float = 1e-6
    """Of the norms in the blocks and of the last one."""
    pre_eps: float = 1e-5
    """Of the norm before the first block."""


@dataclass(frozen=True, slots=True)
class System:
    """What a system fixes: its layout, and how it looks at pictures.

    All resize without smoothing: SoundBridge pins torch 1.13.1. What the published weights of the
    others were trained with is not known.
    """

    ln_pre: bool
    patch_bias: bool
    activation: Activation
    stretch: bool
    inflate: Inflate
    projection_bias: bool
    preprocess: ImagePreprocess


_CLIP = (68.5005327, 66.6321579, 70.32316305)

# frozen-in-time: model/video_transformer.py, model/model.py, data_loader/transforms.py
_FIT = System(
    ln_pre=False,
    patch_bias=True,
    activation="gelu",
    stretch=False,
    inflate="zeros",
    projection_bias=True,
    preprocess=ImagePreprocess(*IMAGENET_MEAN_STD, "resize_center_crop", margin=256 / 224),
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
        preprocess=ImagePreprocess(
            (108.3272985, 116.7460125, 104.09373615), _CLIP, "resize_center_crop"
        ),
    ),
    "egoexo": System(
        ln_pre=True,
        patch_bias=False,
        activation="quick_gelu",
        stretch=True,
        inflate="bilinear",
        projection_bias=False,
        preprocess=ImagePreprocess((122.7709393, 116.7460125, 104.09373615), _CLIP, "stretch"),
    ),
}
