"""Encoder `videomae`: VideoMAE V2, which recognises actions of exo videos."""

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
    register("videomae", videomae)


def videomae(
    *,
    weights: Path | None = None,
    size: Literal["small", "base", "large", "huge", "giant", "tiny"] = "base",
    frames: int = 16,
    output: Literal["clip", "frames", "patches"] = "frames",
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """Joint space-time attention over tubes of 2 frames by 16 by 16 pixels (14 in `giant`).

    Args:
        weights: a published checkpoint of the classifier, such as vit_b_k710_dl_from_giant.pth, a
            file or `hub:ORG/NAME/FILE`, whose number of classes is read from it; none is random.
        size: of the network; `tiny` is for dry runs.
        frames: pictures of a clip, 16 in every published checkpoint.
        output: `clip` is one token, the published feature: the mean of all tubes, normed.
            `frames` is the same for each pair of frames, `patches` is every tube, not normed.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: compute blocks again in the backward pass and keep less in memory.

    Source: Wang et al., VideoMAE V2, CVPR 2023; OpenGVLab/VideoMAEv2 29eab1e.
    """
    from dataclasses import replace

    from egoexobench.toolbox import hub
    from egoexobench_plugins.videomae.checkpoint import load
    from egoexobench_plugins.videomae.encoder import Video
    from egoexobench_plugins.videomae.model import SIZES

    shape = replace(SIZES[size], frames=frames, checkpointing=checkpointing)
    return Video(load(shape, weights and hub.resolve_weights(weights)), output, trained)
