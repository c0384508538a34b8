"""Methods `videomae-v2` and `internimage`: what the paper recognises actions and scenes with."""

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
"""A frozen feature of pictures, and nothing else."""
_VIDEOMAE = "OpenGVLab/VideoMAEv2 29eab1e"
_INTERNIMAGE = "OpenGVLab/InternImage 31c962d"
_SIMILARITY = "unknown: chosen here; it is no retrieval method"


@hookimpl
def register_methods(register: Register) -> None:
    """Bring the methods."""
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

    A frozen feature and the harness's linear layer on it, which is fitted on the training split.
    There is no text, so text retrieval has no score.

    Args:
        weights: a published checkpoint, such as vit_b_k710_dl_from_giant.pth; none is random.
        size: of the network; `tiny` is for dry runs.

    Departs from the paper: it fine-tunes (5.4), and here the encoder stays as it was published;
    one view of a clip is scored, and not the mean over 15 of them, as in the release.
    """
    video = Spec("videomae", {"size": size, "output": "clip"})
    method = replace(
        _VIDEO_ONLY,
        name="videomae-v2",
        video=str(video.add_options({"weights": weights})),
        num_frames=16,
        provenance={
            "video": f"{_VIDEOMAE}, models/modeling_finetune.py: the mean of all tubes, normed; "
            "unknown: which size the paper means, chosen here base",
            "num_frames": f"{_VIDEOMAE}: 16 in every published checkpoint",
            "frame_sampling": "unknown: chosen here, EgoExoLearn's rule on the span; the release "
            "takes every fourth frame, from 5 places, with 3 crops",
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

    A frozen feature a frame, their mean, and the harness's linear layer on it, which is fitted on
    the training split. There is no text, so text retrieval has no score.

    Args:
        weights: a published checkpoint, such as internimage_t_1k_224.pth; none is random. None of
            those that are published is of scenes.
        size: of the network; `tiny` is for dry runs.

    Departs from the paper: it fine-tunes (5.4), and here the encoder stays as it was published.
    """
    video = Spec("internimage", {"size": size})
    method = replace(
        _VIDEO_ONLY,
        name="internimage",
        video=str(video.add_options({"weights": weights})),
        num_frames=4,
        provenance={
            "video": f"{_INTERNIMAGE}, classification/models/intern_image.py: the pooled feature "
            "in front of the classifier; unknown: which size the paper means, chosen here t",
            "num_frames": "unknown: chosen here, as many as EgoExo and SoundBridge look at",
            "frame_sampling": "unknown: chosen here, EgoExoLearn's rule on the span",
            "similarity": _SIMILARITY,
        },
    )
    return select_scale(scale, {"paper": method})
