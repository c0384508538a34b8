"""Encoder `ae2`: AE2's embedder of frames, with or without boxes of hands and objects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench.errors import UsageError

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder

_TINY = {"image": 32, "stem": 4, "blocks": "1-1-1", "conv": 16, "project": 8, "hidden": 8}


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoder."""
    register("ae2", ae2, modality="video", example=_TINY)


def ae2(
    *,
    object_centric: bool = False,
    image: int = 224,
    stem: int = 64,
    blocks: str = "3-4-6",
    conv: int = 256,
    project: int = 128,
    hidden: int = 256,
    layers: int = 1,
    heads: int = 4,
    dropout: float = 0.1,
    context: Literal["reshape", "transpose"] = "reshape",
    context_step: int = 15,
    channels: Literal["bgr", "rgb"] = "bgr",
    missing_box: Literal["global", "zero"] = "global",
    positions: bool = False,
    weigh: bool = False,
    mask: bool = False,
    one_object: bool = False,
    backbone: Path | None = None,
    weights: Path | None = None,
    trained: bool = False,
) -> Encoder:
    """One token per frame, from the frame and the frame that stands 15 before it (AE2).

    The network of `object_centric=true` also reads boxes of two hands and two objects, which a data
    set brings (`egoexobench show dataset ae2`). Tokens are not normalized.

    Args:
        object_centric: the network with boxes (`align_bbox` of the release); otherwise `align`.
        image: side of the input images, in pixels.
        stem: channels of the first convolution of the ResNet; all of its widths follow.
        blocks: bottlenecks of its three stages.
        conv: channels of both 3-D convolutions and width of the linear layers after them.
        project: width of a token.
        hidden: width of the tokens of boxes; a multiple of `heads`.
        layers: transformer layers over the tokens of boxes and frame.
        heads: attention heads of these layers.
        dropout: of training.
        context: how the maps of both frames meet on an axis of two; `reshape` is the release's,
            `transpose` what its code means.
        context_step: how many frames of the file the earlier frame stands before.
        channels: order of the colors that the network gets; `bgr` is the release's.
        missing_box: what the token of a missing box gets as its kind: the vector of the `global`
            token, as in the release, or `zero`.
        positions: add place and score of a box to its token (`use_bbox_pe`).
        weigh: multiply the token of a box by its score (`weigh_token_by_bbox`). A norm follows, so
            that only a score of zero makes a difference.
        mask: no token attends to a missing box (`use_mask`).
        one_object: the second object is missing in every frame (`one_object_bbox`).
        backbone: torchvision's ResNet-50 checkpoint, with which the authors' training starts.
        weights: a published checkpoint, such as break_eggs.ckpt, a file or `hub:ORG/NAME/FILE`;
            without it, they are random.
        trained: train it inside the method; otherwise it runs once, frozen.

    Raises:
        UsageError: for a size that is not valid.

    Bugs of the release that are kept by default: the maps of a pair are reshaped where a transpose
    is meant, so that an axis called time holds two channels of one frame (`context`); the colors
    are in the order blue, green, red, and ImageNet's mean and standard deviation are not used,
    although the backbone was trained with them (`channels`); half of the maps that a box is cut
    from come from the earlier frame (`context`); a missing box gets the kind of the global token
    (`missing_box`), and a masked one still counts in the mean of the tokens.

    Source: Xue and Grauman, Learning Fine-grained View-Invariant Representations from Unpaired
    Ego-Exo Videos via Temporal Alignment, NeurIPS 2023; zihuixue/AlignEgoExo e73d055, models. How
    new vectors are drawn before training is unknown: normal numbers, chosen here.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.ae2.config import AE2Config
    from egoexobench_plugins.ae2.encoder import AE2Encoder

    if context_step < 1:
        raise UsageError(f"ae2: context_step={context_step} must be 1 or more")
    config = AE2Config(
        image=image,
        stem=stem,
        blocks=_parse_blocks(blocks),
        conv=conv,
        project=project,
        context=context,
        dropout=dropout,
        object_centric=object_centric,
        hidden=hidden,
        layers=layers,
        heads=heads,
        missing_box=missing_box,
        positions=positions,
        weigh=weigh,
        mask=mask,
        one_object=one_object,
    )
    encoder = AE2Encoder(config, channels=channels, context_step=context_step, trained=trained)
    if backbone is not None:
        encoder.load_backbone(hub.resolve_weights(backbone))
    if weights is not None:
        encoder.load_checkpoint(hub.resolve_weights(weights))
    return encoder


def _parse_blocks(text: str) -> tuple[int, int, int]:
    numbers = [int(part) if part.isdecimal() else 0 for part in text.split("-")]
    if len(numbers) != 3 or min(numbers) < 1:
        raise UsageError(f"ae2: blocks={text!r} must be three numbers from 1, such as 3-4-6")
    first, second, third = numbers
    return first, second, third
