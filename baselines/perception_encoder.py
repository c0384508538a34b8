"""Method `pe-av`: Perception Encoder Audiovisual, without training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench import Register

_SOURCE = "transformers 5.23, models/pe_audio_video/modeling_pe_audio_video.py"


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("pe-av", pe_av)


def pe_av(
    scale: str,
    /,
    *,
    model: str = "facebook/pe-av-base",
    evidence: Literal["joint", "video", "audio"] = "joint",
) -> Method:
    """PE-AV (Meta, 2025) without training: one model of picture, sound and text.

    Each kind of evidence has its own head for clips and its own head for texts. With `joint`, a
    clip without sound (`--missing-audio mask`) is embedded by the head for the picture, and texts
    meet it by their head for the picture. The model never compares such a clip with one that has
    sound: their similarity is 0. If many clips have no sound, use `evidence=video`.

    Args:
        model: a folder, or `ORG/NAME@COMMIT` of the Hugging Face hub. The commits of
            `facebook/pe-av-small`, `-base` and `-large` are not known here: the name alone is
            refused, and the message says where to read the commit.
        evidence: what clips are embedded from.
    """
    name = "pe-av" if evidence == "joint" else f"pe-av-{evidence}"
    encoder = str(Spec(name, {"model": model}))
    method = replace(
        COMPACT_DEFAULTS,
        name="pe-av",
        scale="pretrained",
        video=encoder if evidence == "video" else None,
        audio=encoder if evidence == "audio" else None,
        joint=encoder if evidence == "joint" else None,
        text=str(Spec("pe-av-text", {"model": model, "evidence": evidence})),
        num_layers=0,
        project=False,
        num_frames=16,
        similarity="dot",
        provenance={
            "text": f"{_SOURCE}: a head for each kind of evidence",
            "num_frames": "the number in the name of the variants facebook/pe-av-*-16-frame; the "
            "others read all frames",
            "frame_sampling": "unknown: chosen here, EgoExoLearn's rule",
            "text_template": "unknown: chosen here, the text without a template",
            "similarity": f"{_SOURCE}, PeAudioVideoModel.forward: the dot product of clip and "
            "text, then a scale and a bias. Unknown between two clips: chosen here the same",
        },
    )
    return select_scale(scale, {"pretrained": method})
