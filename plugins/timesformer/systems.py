"""The differences between the systems that share the space-time transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from egoexobench.toolbox.vision import IMAGENET_MEAN_STD, ImagePreprocess

Activation = Literal["gelu", "quick_gelu"]
InflationRule = Literal["zeros", "bilinear", "aligned", "nearest"]


@dataclass(frozen=True, slots=True)
class TimeSformerConfig:
    """Sizes and switches of the network; none of them is read from a checkpoint.

    ``stretch`` allows clips with more frames than the temporal table has rows; ``checkpointing``
    recomputes blocks in the backward pass.
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
    """Epsilon of the norms in the blocks and of the last norm."""
    pre_eps: float = 1e-5
    """Epsilon of the norm in front of the first block."""


@dataclass(frozen=True, slots=True)
class PublishedSystem:
    """The layout and the image preprocessing of a published system.

    All of them resize without antialiasing: SoundBridge pins torch 1.13.1. It is unknown with
    which version the published weights of the others were trained.
    """

    ln_pre: bool
    patch_bias: bool
    activation: Activation
    stretch: bool
    inflate: InflationRule
    projection_bias: bool
    preprocess: ImagePreprocess


_CLIP_STD = (68.5005327, 66.6321579, 70.32316305)

# frozen-in-time: model/video_transformer.py, model/model.py, data_loader/transforms.py
_FROZEN_IN_TIME = PublishedSystem(
    ln_pre=False,
    patch_bias=True,
    activation="gelu",
    stretch=False,
    inflate="zeros",
    projection_bias=True,
    preprocess=ImagePreprocess(*IMAGENET_MEAN_STD, "resize_center_crop", margin=256 / 224),
)

SYSTEMS: dict[str, PublishedSystem] = {
    "frozen-in-time": _FROZEN_IN_TIME,
    "egovlp": _FROZEN_IN_TIME,
    # The red mean is 108.3 everywhere in LaViLa's code, while CLIP's is 122.8. Its published
    # weights were trained with 108.3.
    "lavila": PublishedSystem(
        ln_pre=True,
        patch_bias=False,
        activation="quick_gelu",
        stretch=False,
        inflate="bilinear",
        projection_bias=False,
        preprocess=ImagePreprocess(
            (108.3272985, 116.7460125, 104.09373615), _CLIP_STD, "resize_center_crop"
        ),
    ),
    "egoexo": PublishedSystem(
        ln_pre=True,
        patch_bias=False,
        activation="quick_gelu",
        stretch=True,
        inflate="bilinear",
        projection_bias=False,
        preprocess=ImagePreprocess((122.7709393, 116.7460125, 104.09373615), _CLIP_STD, "stretch"),
    ),
}
