"""Method `late-fusion`: CLIP on the pictures and CLAP on the sound, and a sum of their cosines."""

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
    register("late-fusion", late_fusion)


def late_fusion(
    scale: str,
    /,
    *,
    weight: float | None = None,
    model: str = "laion/CLIP-ViT-B-16-laion2B-s34B-b88K",
    audio_model: str = "laion/clap-htsat-unfused",
) -> Method:
    """CLIP and CLAP without training: a weighted sum of the cosines of pictures and of sound.

    With weight 0 it is `clip-zeroshot`, with weight 1 `clap-zeroshot`. A method that fuses sound
    and pictures should score higher than this sum.

    Args:
        weight: weight of the sound, from 0 to 1; without it, the best of 0, 0.1, ..., 1 on the
            validation split, which the record lists with all others.
        model: a folder or a name, as encoder `open-clip` reads it.
        audio_model: a folder or a name, as encoders `hf-audio` and `hf-text` read it.
    """
    fusion = str(Spec("late").add_options({"weight": weight}))
    method = replace(
        ZERO_SHOT_DEFAULTS,
        name="late-fusion",
        video=str(Spec("open-clip", {"model": model})),
        audio=str(Spec("hf-audio", {"model": audio_model, "output": "pooled"})),
        text=str(Spec("open-clip-text", {"model": model})),
        text_audio=str(Spec("hf-text", {"model": audio_model})),
        video_fusion=fusion,
        text_fusion=fusion,
        num_frames=12,
        provenance={
            "video": "that of clip-zeroshot",
            "audio": "that of clap-zeroshot",
            "text": "that of clip-zeroshot",
            "text_audio": "that of clap-zeroshot",
            "video_fusion": "unknown: chosen here, the sum of cosines",
            "text_fusion": "unknown: chosen here, the sum of cosines",
            "num_frames": "that of clip-zeroshot",
            "frame_sampling": "that of clip-zeroshot",
            "text_template": "that of clip-zeroshot and clap-zeroshot",
            "similarity": "that of clip-zeroshot and clap-zeroshot",
        },
    )
    return select_scale(scale, {"pretrained": method})
