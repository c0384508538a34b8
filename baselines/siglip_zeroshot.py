"""Method `siglip-zeroshot`: SigLIP 2 frame by frame, without training."""

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
    register("siglip-zeroshot", siglip_zeroshot)


def siglip_zeroshot(scale: str, /, *, model: str = "google/siglip2-base-patch16-224") -> Method:
    """SigLIP 2 without training: the mean of its frames, and its text tower.

    Args:
        model: a folder or a name, as encoders `hf-image` and `hf-text` read it.
    """
    method = replace(
        ZERO_SHOT_DEFAULTS,
        name="siglip-zeroshot",
        video=str(Spec("hf-image", {"model": model})),
        text=str(Spec("hf-text", {"model": model})),
        video_fusion="unit-mean",
        num_frames=12,
        provenance={
            "video": "the processor of the model: pictures and their scaling",
            "text": "manual of SigLIP in transformers: padded to 64; "
            "huggingface/transformers#43101: lower case",
            "video_fusion": "unknown: chosen here, that of clip-zeroshot",
            "num_frames": "unknown: chosen here, that of clip-zeroshot",
            "frame_sampling": "unknown: chosen here, that of clip-zeroshot",
            "text_template": "unknown: chosen here, the narration without a template; the manual "
            "has one for names of classes",
            "similarity": "arXiv:2303.15343, algorithm 1: cosine",
        },
    )
    return select_scale(scale, {"pretrained": method})
