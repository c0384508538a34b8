"""Encoders `egoinstructor-ego` and `internvideo1-mm`: the sources of EgoInstructor's features.

EgoInstructor encodes each second of an ego video with a VideoMAE and each second of an exo video
with InternVideo1-MM; its aggregator reads those features.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Register both encoders."""
    register(
        "egoinstructor-ego",
        egoinstructor_ego,
        modality="video",
        example={"size": "tiny", "frames": 4},
    )
    register(
        "internvideo1-mm", internvideo1_mm, modality="video", example={"size": "tiny", "frames": 4}
    )


def egoinstructor_ego(
    *,
    weights: Path | None = None,
    size: Literal["large", "tiny"] = "large",
    frames: int = 8,
    seconds: int = 1,
    output: Literal["clip", "frames", "patches"] = "frames",
    trained: bool = False,
) -> Encoder:
    """VideoMAE ViT-L/16 on 8 frames of one second, projected to the space of CLIP.

    Args:
        weights: videomae_L14_checkpoint_best.pth, a file or `hub:ORG/NAME/FILE`; without it,
            they are random.
        size: size of the network; `tiny` is for dry runs.
        frames: frames of a group, 8 in the published checkpoint.
        seconds: number of groups of a clip, each encoded alone; EgoInstructor takes 32.
        output: `clip` returns one token, the published feature: the mean of all tubes. `frames`
            returns the mean of each pair of frames, `patches` every tube. All pass the same norm
            and projection.
        trained: train it inside the method; otherwise it runs once, frozen.

    Source: Xu et al., Retrieval-Augmented Egocentric Video Captioning, CVPR 2024;
    Jazzcharles/Egoinstructor 8492ba0, FLIP_VideoMAEV2_LARGE_OPENAI.
    """
    from dataclasses import replace

    from egoexobench.toolbox import hub
    from egoexobench_plugins.egoinstructor_encoders.ego_videomae import SIZES, load_ego_videomae
    from egoexobench_plugins.egoinstructor_encoders.encoder import GroupedVideoEncoder

    config = replace(SIZES[size], frames=frames)
    model = load_ego_videomae(config, weights and hub.resolve_weights(weights))
    return GroupedVideoEncoder(model, output, trained, seconds)


def internvideo1_mm(
    *,
    weights: Path | None = None,
    size: Literal["large", "tiny"] = "large",
    frames: int = 8,
    seconds: int = 1,
    output: Literal["clip", "frames"] = "frames",
    trained: bool = False,
) -> Encoder:
    """CLIP ViT-L/14 on each frame, and a token that reads the last four blocks of all of them.

    Args:
        weights: InternVideo-MM-L-14.ckpt, a file or `hub:ORG/NAME/FILE`; without it,
            they are random.
        size: size of the network; `tiny` is for dry runs.
        frames: frames of a group, 8 in the published checkpoint.
        seconds: number of groups of a clip, each encoded alone; EgoInstructor takes 32.
        output: `clip` returns one token, the published embedding. `frames` returns one per
            frame: the published sum, with the class token of the frame instead of their mean.
        trained: train it inside the method; otherwise it runs once, frozen.

    Source: Wang et al., InternVideo, 2022; OpenGVLab/InternVideo 3965eef,
    InternVideo1/Pretrain/Multi-Modalities-Pretraining.
    """
    from dataclasses import replace

    from egoexobench.toolbox import hub
    from egoexobench_plugins.egoinstructor_encoders.encoder import GroupedVideoEncoder
    from egoexobench_plugins.egoinstructor_encoders.internvideo_mm import (
        SIZES,
        load_internvideo_mm,
    )

    config = replace(SIZES[size], frames=frames)
    model = load_internvideo_mm(config, weights and hub.resolve_weights(weights))
    return GroupedVideoEncoder(model, output, trained, seconds)
