"""Encoder `timesformer`: the space-time transformer of Frozen-in-Time and its successors."""

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
    register(
        "timesformer",
        timesformer,
        modality="video",
        example={"image": 32, "patch": 16, "width": 32, "depth": 1, "heads": 2},
    )


def timesformer(
    *,
    system: Literal["frozen-in-time", "egovlp", "lavila", "egoexo"] = "egoexo",
    image: int = 224,
    patch: int = 16,
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    frames: int = 4,
    gated: bool = False,
    output: Literal["cls", "frames", "patches"] = "frames",
    project: int | None = None,
    inflate: Literal["zeros", "bilinear", "aligned", "nearest"] | None = None,
    weights: Path | None = None,
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """Divided space-time attention over the patches of a clip's frames, ViT-B/16 by default.

    Published embeddings are `output=cls` with a projection. That is one token per clip, so
    attention to it has no choice. SoundBridge's equations attend to video tokens without saying
    which, so the default is one token per frame: the mean of the frame's patches after the final
    norm. LaViLa's large model is `patch=14,width=1024,depth=24,heads=16`.

    `frozen-in-time` and `egovlp` have no norm before the blocks, GELU, and a bias of the patches.
    `lavila` and `egoexo` have a norm before the blocks, QuickGELU and no bias of the patches, as
    CLIP's image encoder, with whose weights they start. SoundBridge's paper cites Frozen in Time
    with CLIP's weights (5.1.2); its release builds LaViLa's network, and so does `egoexo`.

    Args:
        system: system whose layout, norms, activation and preprocessing are used; SoundBridge's
            is `egoexo`.
        image: side of the input images, in pixels.
        patch: side of a patch, in pixels.
        width: width of a token.
        depth: number of blocks.
        heads: attention heads; a checkpoint does not contain their number (base 12, large 16).
        frames: rows of the temporal table; a clip may have fewer frames. More frames are allowed
            in `egoexo` alone, which stretches the table.
        gated: gate time attention by tanh of a learned number (an optional variant of LaViLa).
        output: `cls` returns one token per clip, `frames` one per frame, `patches` every token.
        project: width of the published projection to the shared space; `none` for no projection.
        inflate: how a stored temporal table with fewer rows grows; `aligned` is bilinear with
            aligned corners (EgoVLP's). `none` is the rule of the system.
        weights: checkpoint of the complete system or of the tower, a file or
            `hub:ORG/NAME/FILE`; without it, they are random.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.

    Sources: m-bain/frozen-in-time e1f13e1, showlab/EgoVLP 928406c, facebookresearch/LaViLa
    8002b5a, OpenGVLab/EgoExoLearn e1f11b1, shhuangcoder/SoundBridge 3c4ca7f.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.timesformer.encoder import TimeSformerEncoder
    from egoexobench_plugins.timesformer.systems import SYSTEMS, TimeSformerConfig

    published = SYSTEMS[system]
    config = TimeSformerConfig(
        image=image,
        patch=patch,
        width=width,
        depth=depth,
        heads=heads,
        frames=frames,
        ln_pre=published.ln_pre,
        patch_bias=published.patch_bias,
        activation=published.activation,
        gated=gated,
        stretch=published.stretch,
        checkpointing=checkpointing,
    )
    encoder = TimeSformerEncoder(config, published, output=output, project=project, trained=trained)
    if weights is not None:
        encoder.load_checkpoint(hub.resolve_weights(weights), inflate or published.inflate)
    return encoder
