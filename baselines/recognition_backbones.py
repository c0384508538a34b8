"""Methods `videomae-v2` and `internimage`: the paper's recognition baselines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench import Register

_VIDEO_ONLY = replace(
    COMPACT_DEFAULTS,
    scale="paper",
    audio=None,
    text=None,
    share_view_weights=True,
    num_layers=0,
    project=False,
)
"""A frozen video feature without audio, text and training."""
_VIDEOMAE_REPOSITORY = "OpenGVLab/VideoMAEv2 29eab1e"
_INTERNIMAGE_REPOSITORY = "OpenGVLab/InternImage 31c962d"
_SIMILARITY = "unknown: chosen here, because it is no retrieval method"


@hookimpl
def register_methods(register: Register) -> None:
    """Register the methods."""
    register("videomae-v2", videomae_v2)
    register("internimage", internimage)


def videomae_v2(
    scale: str,
    /,
    *,
    weights: Path | None = None,
    size: Literal["small", "base", "large", "huge", "giant", "tiny"] = "base",
) -> Method:
    """VideoMAE V2 (CVPR 2023), the paper's comparison in exo action recognition (Table 3).

    A frozen feature with a linear probe, which is fitted on the training split. There is no text,
    so text retrieval has no score.

    Args:
        weights: a published checkpoint, such as vit_b_k710_dl_from_giant.pth; without it, they
            are random.
        size: size of the network; `tiny` is for dry runs.

    Differences from the paper: the paper fine-tunes (5.4), here the published encoder is frozen.
    A single crop of a clip is scored, while the release takes the mean over 15.
    """
    video = Spec("videomae", {"size": size, "output": "clip"})
    method = replace(
        _VIDEO_ONLY,
        name="videomae-v2",
        video=str(video.add_options({"weights": weights})),
        num_frames=16,
        provenance={
            "video": f"{_VIDEOMAE_REPOSITORY}, models/modeling_finetune.py: the norm of the mean "
            "of all tubes; unknown: the size in the paper, chosen here base",
            "num_frames": f"{_VIDEOMAE_REPOSITORY}: 16 in every published checkpoint",
            "frame_sampling": "unknown: chosen here, EgoExoLearn's rule on the clip; the release "
            "takes every fourth frame, from 5 start positions, with 3 crops",
            "similarity": _SIMILARITY,
        },
    )
    return select_scale(scale, {"paper": method})


def internimage(
    scale: str,
    /,
    *,
    weights: Path | None = None,
    size: Literal["t", "s", "b", "l", "xl", "h", "g", "tiny"] = "t",
) -> Method:
    """InternImage (CVPR 2023), the paper's comparison in ego scene recognition (Table 3).

    The mean of a frozen feature per frame, with a linear probe, which is fitted on the training
    split. There is no text, so text retrieval has no score.

    Args:
        weights: a published checkpoint, such as internimage_t_1k_224.pth; without it, they
            are random.
            No published checkpoint is trained on scenes.
        size: size of the network; `tiny` is for dry runs.

    Difference from the paper: the paper fine-tunes (5.4), here the published encoder is frozen.
    """
    video = Spec("internimage", {"size": size})
    method = replace(
        _VIDEO_ONLY,
        name="internimage",
        video=str(video.add_options({"weights": weights})),
        num_frames=4,
        provenance={
            "video": f"{_INTERNIMAGE_REPOSITORY}, classification/models/intern_image.py: the "
            "pooled feature in front of the classifier; unknown: the size in the paper, "
            "chosen here t",
            "num_frames": "unknown: chosen here, the number of EgoExo and SoundBridge",
            "frame_sampling": "unknown: chosen here, EgoExoLearn's rule on the clip",
            "similarity": _SIMILARITY,
        },
    )
    return select_scale(scale, {"paper": method})
