"""Encoders `open-clip`, `open-clip-text` and `timm`: models of these libraries by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoders."""
    register("open-clip", open_clip_image, modality="video")
    register("open-clip-text", open_clip_text, modality="text")
    register("timm", timm_image, modality="video")


def open_clip_image(
    *,
    model: str,
    pretrained: str | None = None,
    output: Literal["frames", "pooled", "tokens"] = "frames",
    layer: int | None = None,
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """The picture tower of a model of open_clip, for each frame.

    Weights, activation and pictures are those that the repository of the weights says: a file alone
    would not say whether the activation is QuickGELU.

    Args:
        model: architecture of open_clip, such as `ViT-B-16`, with `pretrained`; or a folder or
            `ORG/NAME@COMMIT` with `open_clip_config.json`.
        pretrained: tag of open_clip, such as `laion2b_s34b_b88k`, as `TAG@COMMIT` if the commit of
            its repository is not known ([encoders](docs/encoders.md)).
        output: `frames` returns the published vector of each frame, `pooled` their mean, `tokens`
            every patch of every frame, after the last norm.
        layer: number of the block whose patches are read as they leave it: 1 is the first, -1 the
            last. A vector is the mean of its patches then.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.

    Source: mlfoundations/open_clip.
    """
    from egoexobench_plugins.image_towers.frames import FrameEncoder
    from egoexobench_plugins.image_towers.open_clip_model import load_picture_tower

    tower = load_picture_tower(model, pretrained, checkpointing=checkpointing)
    return FrameEncoder(tower, output=output, layer=layer, trained=trained)


def open_clip_text(
    *,
    model: str,
    pretrained: str | None = None,
    output: Literal["pooled", "tokens"] = "pooled",
    layer: int | None = None,
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """The text tower of a model of open_clip.

    Args:
        model: architecture of open_clip, such as `ViT-B-16`, with `pretrained`; or a folder or
            `ORG/NAME@COMMIT` with `open_clip_config.json`.
        pretrained: tag of open_clip, such as `laion2b_s34b_b88k`, as `TAG@COMMIT` if the commit of
            its repository is not known ([encoders](docs/encoders.md)).
        output: `pooled` returns one token per text, its published vector; `tokens` every token up
            to the end of the text.
        layer: number of the block whose tokens are read as they leave it: 1 is the first, -1 the
            last. A vector is the mean of its tokens then.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.

    Source: mlfoundations/open_clip.
    """
    from egoexobench_plugins.image_towers.open_clip_model import load_text_tower
    from egoexobench_plugins.image_towers.text import OpenCLIPTextEncoder

    tower = load_text_tower(model, pretrained, checkpointing=checkpointing)
    return OpenCLIPTextEncoder(tower, output=output, layer=layer, trained=trained)


def timm_image(
    *,
    model: str,
    output: Literal["frames", "pooled", "tokens"] = "frames",
    layer: int | None = None,
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """A picture model of timm without its classifier, for each frame.

    Args:
        model: a folder as timm's `save_for_hf` writes it, or `timm/NAME@COMMIT`.
        output: `frames` returns the pooled vector of each frame, `pooled` their mean, `tokens`
            every patch of every frame, after the last norm.
        layer: number of the block whose patches are read as they leave it: 1 is the first, -1 the
            last; of a convolutional network, its stages. A vector is the mean of its patches then.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.

    Source: huggingface/pytorch-image-models.
    """
    from egoexobench_plugins.image_towers.frames import FrameEncoder
    from egoexobench_plugins.image_towers.timm_model import load_timm_model

    tower = load_timm_model(model, checkpointing=checkpointing)
    return FrameEncoder(tower, output=output, layer=layer, trained=trained)
