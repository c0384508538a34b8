"""Method `clip-zeroshot`: CLIP frame by frame, without training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from egoexobench import hookimpl
from egoexobench.method import ZERO_SHOT_DEFAULTS, Method, select_scale
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench import Register

_CLIP4CLIP = "ArrowLuo/CLIP4Clip 11ab69f"


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("clip-zeroshot", clip_zeroshot)


def clip_zeroshot(scale: str, /, *, model: str = "laion/CLIP-ViT-B-16-laion2B-s34B-b88K") -> Method:
    """CLIP without training: the mean of its frames, and its text tower.

    Args:
        model: a folder or a name, as encoder `open-clip` reads it.
    """
    method = replace(
        ZERO_SHOT_DEFAULTS,
        name="clip-zeroshot",
        video=str(Spec("open-clip", {"model": model})),
        text=str(Spec("open-clip-text", {"model": model})),
        video_fusion="unit-mean",
        num_frames=12,
        provenance={
            "video": "mlfoundations/open_clip: weights, pictures and their scaling",
            "text": "LAION-AI/CLIP_benchmark 082089f, metrics/zeroshot_retrieval.py",
            "video_fusion": f"{_CLIP4CLIP}, modules/modeling.py: meanP",
            "num_frames": f"{_CLIP4CLIP}, README.md: 12 for clips of MSR-VTT, MSVD and LSMDC",
            "frame_sampling": "unknown: chosen here, EgoExoLearn's rule; CLIP4Clip spreads evenly "
            "what it decodes at one frame a second",
            "text_template": "LAION-AI/CLIP_benchmark 082089f: captions without a template",
            "similarity": "LAION-AI/CLIP_benchmark 082089f: cosine",
        },
    )
    return select_scale(scale, {"pretrained": method})
