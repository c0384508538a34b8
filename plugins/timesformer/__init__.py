"""Encoder `timesformer`: the space-time transformer of Frozen-in-Time and all that came from it."""

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
    register("timesformer", timesformer)


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

    Published embeddings are `output=cls`, projected. That is one token a clip, over which
    attention has nothing to choose; SoundBridge's equations attend to video tokens and say no
    more of them, so the default is one token a frame, the mean of the frame's patches after the
    final norm. LaViLa's large model is `patch=14,width=1024,depth=24,heads=16`.

    Args:
        system: whose layout, norms, activation and pixels; SoundBridge's is `egoexo`.
        image: pixels along a side that the network sees.
        patch: pixels along a side of a patch.
        width: features of a token.
        depth: blocks.
        heads: attention heads; no checkpoint shows them (base 12, large 16).
        frames: rows of the temporal table; a clip may have fewer frames, and more only in
            `egoexo`, which stretches the table.
        gated: gate time attention by tanh of a learnt number (LaViLa's optional variant).
        output: `cls` is one token a clip, `frames` one a frame, `patches` every one.
        project: width of the published projection to the shared space; none leaves it out.
        inflate: how a stored temporal table with fewer rows grows; `aligned` is bilinear with
            aligned corners (EgoVLP's). None is what the system does.
        weights: checkpoint of the whole system or of the tower, a file or `hub:ORG/NAME/FILE`; none
            is random.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: compute blocks again in the backward pass and keep less in memory.

    Sources: m-bain/frozen-in-time e1f13e1, showlab/EgoVLP 928406c, facebookresearch/LaViLa
    8002b5a, OpenGVLab/EgoExoLearn e1f11b1, shhuangcoder/SoundBridge 3c4ca7f.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.timesformer.encoder import TimeSformer
    from egoexobench_plugins.timesformer.systems import SYSTEMS, Shape

    chosen = SYSTEMS[system]
    shape = Shape(
        image,
        patch,
        width,
        depth,
        heads,
        frames,
        ln_pre=chosen.ln_pre,
        patch_bias=chosen.patch_bias,
        activation=chosen.activation,
        gated=gated,
        stretch=chosen.stretch,
        checkpointing=checkpointing,
    )
    encoder = TimeSformer(shape, chosen, output, project, trained)
    if weights is not None:
        encoder.load(hub.resolve_weights(weights), inflate or chosen.inflate)
    return encoder
