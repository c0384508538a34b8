"""Encoder `internimage`: InternImage, for scene recognition in frames of ego videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoder."""
    register("internimage", internimage, modality="video", example={"size": "tiny"})


def internimage(
    *,
    weights: Path | None = None,
    size: Literal["t", "s", "b", "l", "xl", "h", "g", "tiny"] = "t",
    image: int | None = None,
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """A token per frame, from a network of deformable convolutions.

    The published feature is the pooled one in front of the classifier: the output of the
    convolutional head, or of the attention pool that `h` and `g` have instead. Deformable
    convolution is implemented in plain torch and needs no compiled operator.

    Args:
        weights: a published checkpoint, such as internimage_t_1k_224.pth, a file or
            `hub:ORG/NAME/FILE`; its number of classes is read from it. Without a file, they are
            random.
        size: size of the network; `tiny` is for dry runs.
        image: side of the input images, in pixels; `none` is that of the published ImageNet-1k
            checkpoint of the size.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.

    Source: Wang et al., InternImage, CVPR 2023; OpenGVLab/InternImage 31c962d,
    classification/models/intern_image.py and the settings beside it.
    """
    from dataclasses import replace

    from egoexobench.toolbox import hub
    from egoexobench_plugins.internimage.checkpoint import load_internimage
    from egoexobench_plugins.internimage.config import IMAGE_SIZES, SIZES
    from egoexobench_plugins.internimage.encoder import InternImageEncoder

    config = replace(SIZES[size], checkpointing=checkpointing)
    model = load_internimage(config, weights and hub.resolve_weights(weights))
    return InternImageEncoder(model, image or IMAGE_SIZES[size], trained)
