"""Encoder `videomae`: VideoMAE V2, for action recognition in exo videos."""

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
    register("videomae", videomae, modality="video", example={"size": "tiny", "frames": 4})


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
            file or `hub:ORG/NAME/FILE`; its number of classes is read from it. Without a file,
            they are random.
        size: size of the network; `tiny` is for dry runs.
        frames: frames of a clip, 16 in every published checkpoint.
        output: `clip` returns one token, the published feature: the norm of the mean of all
            tubes. `frames` returns the same for each pair of frames, `patches` every tube,
            without the norm.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.

    Source: Wang et al., VideoMAE V2, CVPR 2023; OpenGVLab/VideoMAEv2 29eab1e.
    """
    from dataclasses import replace

    from egoexobench.toolbox import hub
    from egoexobench_plugins.videomae.checkpoint import load_videomae
    from egoexobench_plugins.videomae.encoder import VideoMAEEncoder
    from egoexobench_plugins.videomae.model import SIZES

    config = replace(SIZES[size], frames=frames, checkpointing=checkpointing)
    return VideoMAEEncoder(
        load_videomae(config, weights and hub.resolve_weights(weights)), output, trained
    )
