"""Method `dinov2-neighbor`: the nearest clip by what its frames look like."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from egoexobench import hookimpl
from egoexobench.method import ZERO_SHOT_DEFAULTS, Method, select_scale
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench import Register


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("dinov2-neighbor", dinov2_neighbor)


def dinov2_neighbor(scale: str, /, *, model: str = "facebook/dinov2-base") -> Method:
    """DINOv2 without training: the mean of its frames, compared between clips.

    It has no text side, so it has no score in text retrieval. Where a scene tells the pair, it
    scores high without any knowledge of the action.

    Args:
        model: a folder or a name, as encoder `hf-image` reads it.
    """
    method = replace(
        ZERO_SHOT_DEFAULTS,
        name="dinov2-neighbor",
        video=str(Spec("hf-image", {"model": model})),
        video_fusion="unit-mean",
        num_frames=12,
        provenance={
            "video": "arXiv:2304.07193, section 7: the class token after the last norm",
            "video_fusion": "unknown: chosen here, that of clip-zeroshot",
            "num_frames": "unknown: chosen here, that of clip-zeroshot",
            "frame_sampling": "unknown: chosen here, that of clip-zeroshot",
            "similarity": "arXiv:2304.07193, section 7: cosine, for the retrieval of instances",
        },
    )
    return select_scale(scale, {"pretrained": method})
