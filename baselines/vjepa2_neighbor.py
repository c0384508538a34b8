"""Method `vjepa2-neighbor`: the nearest clip by a video foundation model."""

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
    register("vjepa2-neighbor", vjepa2_neighbor)


def vjepa2_neighbor(scale: str, /, *, model: str = "facebook/vjepa2-vitl-fpc64-256") -> Method:
    """V-JEPA 2 without training: the mean of its tokens, compared between clips.

    It has no text side, so it has no score in text retrieval. 64 frames of a clip take minutes on
    a CPU.

    Args:
        model: a folder or a name, as encoder `hf-video` reads it.
    """
    method = replace(
        ZERO_SHOT_DEFAULTS,
        name="vjepa2-neighbor",
        video=str(Spec("hf-video", {"model": model, "output": "pooled"})),
        num_frames=64,
        provenance={
            "video": "the processor of the model. Unknown: how a clip becomes one vector, chosen "
            "here the mean of all tubes; the authors train an attentive probe",
            "num_frames": "the name of the weights (fpc64): frames of a clip",
            "frame_sampling": "unknown: chosen here, EgoExoLearn's rule on the clip",
            "similarity": "unknown: chosen here cosine",
        },
    )
    return select_scale(scale, {"pretrained": method})
