"""Encoder `internimage`: InternImage, which recognises scenes in frames of ego videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Bring the encoder."""
    register("internimage", internimage)


def internimage(
    *,
    weights: Path | None = None,
    size: Literal["t", "s", "b", "l", "xl", "h", "g", "tiny"] = "t",
    image: int | None = None,
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """A token a frame from a convolutional network whose kernels move to where they look.

    The published feature is the pooled one in front of the classifier: of the convolutional head,
    or of the attention pool that `h` and `g` have in its place. Deformable convolution is written
    in plain torch; no compiled operator is needed.

    Args:
        weights: a published checkpoint, such as internimage_t_1k_224.pth, a file or
            `hub:ORG/NAME/FILE`, whose number of classes is read from it; none is random.
        size: of the network; `tiny` is for dry runs.
        image: pixels along a side that the network sees; none is that of the published
            ImageNet-1k checkpoint of the size.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: compute blocks again in the backward pass and keep less in memory.

    Source: Wang et al., InternImage, CVPR 2023; OpenGVLab/InternImage 31c962d,
    classification/models/intern_image.py and the settings beside it.
    """
    from dataclasses import replace

    from egoexobench.toolbox import hub
    from egoexobench_plugins.internimage.checkpoint import load
    from egoexobench_plugins.internimage.config import SIDES, SIZES
    from egoexobench_plugins.internimage.encoder import Pictures

    arch = replace(SIZES[size], checkpointing=checkpointing)
    model = load(arch, weights and hub.resolve_weights(weights))
    return Pictures(model, image or SIDES[size], trained)
