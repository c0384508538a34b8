"""Method `frozen-in-time`: Frozen in Time as published, without training on the data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench import Register

_VIDEO = Spec.parse("timesformer:system=frozen-in-time,output=cls,project=256")
_TEXT = Spec.parse("distilbert-text:output=cls,project=256")
_TINY_VIDEO_OPTIONS = {"image": 32, "width": 32, "depth": 1, "heads": 2}
_TINY_TEXT_OPTIONS = {"width": 32, "depth": 1, "heads": 2, "hidden": 64}
_REPOSITORY = "m-bain/frozen-in-time e1f13e1"
_PROVENANCE = {
    "video": f"{_REPOSITORY}, model/model.py: ViT-B/16, class token, linear to 256",
    "text": f"{_REPOSITORY}, model/model.py: DistilBERT, first token, ReLU and linear to 256",
    "objective": "SoundBridge, 5.2: zero-shot",
    "num_frames": f"{_REPOSITORY}, the name of the published checkpoint (4f)",
    "frame_sampling": f"{_REPOSITORY}, base/base_dataset.py: middles of equal intervals, there of "
    "the video file, here of the clip",
    "text_template": "unknown: chosen here, the narration without a template",
    "similarity": f"{_REPOSITORY}, model/model.py: sim_matrix",
    "embed_dim": f"{_REPOSITORY}, model/model.py",
}


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("frozen-in-time", frozen_in_time)


def frozen_in_time(
    scale: str,
    /,
    *,
    weights: Path | None = None,
    vocabulary: Path | None = None,
    size: Literal["base", "tiny"] = "base",
) -> Method:
    """Frozen in Time (ICCV 2021) as published, zero-shot: no part is trained.

    The tables of the paper report it zero-shot and all other methods fine-tuned (5.2).

    Args:
        weights: cc-webvid2m-4f_stformer_b_16_224.pth.tar, for both towers; without it, they
            are random.
        vocabulary: `vocab.txt` of distilbert-base-uncased; without it, the file is downloaded
            from the Hugging Face hub.
        size: size of the network; `tiny` is for dry runs.

    Difference from the release: frames are sampled from the clip. In the release, each file is a
    clip and frames are sampled from the complete file.
    """
    video, text = _VIDEO, _TEXT
    if size == "tiny":
        video, text = video.add_options(_TINY_VIDEO_OPTIONS), text.add_options(_TINY_TEXT_OPTIONS)
    method = replace(
        COMPACT_DEFAULTS,
        name="frozen-in-time",
        scale="paper",
        video=str(video.add_options({"weights": weights})),
        audio=None,
        text=str(text.add_options({"vocabulary": vocabulary, "weights": weights})),
        share_view_weights=True,
        num_frames=4,
        frame_sampling="egovlp-clips",
        embed_dim=256,
        num_layers=0,
        project=False,
        provenance=_PROVENANCE,
    )
    return select_scale(scale, {"paper": method})
