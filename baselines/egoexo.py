"""Method `egoexo`: each view is trained to its own narration, without audio."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench.errors import UsageError
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale, use_pretrained
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench import Register

_VIDEO = Spec.parse(
    "timesformer:system=egoexo,output=cls,project=256,trained=true,checkpointing=true"
)
_TEXT = Spec.parse("clip-text:project=256,output=pooled,trained=true")
_TINY_VIDEO_OPTIONS = {"image": 32, "width": 32, "depth": 1, "heads": 2}
_TINY_TEXT_OPTIONS = {"width": 32, "depth": 1, "heads": 4}
_REPOSITORY = "OpenGVLab/EgoExoLearn e1f11b1, association_benchmark"
_CONFIG = f"{_REPOSITORY}/configs/our_default.yml"
_PROVENANCE = {
    "video": f"{_REPOSITORY}/models: LaViLa's TimeSformer, class token, matrix to 256",
    "text": f"{_REPOSITORY}/models: CLIP's, end token, matrix to 256",
    "anchor": f"{_REPOSITORY}/data: each clip with its own text",
    "objective": f"{_CONFIG}: CLIP's loss, temperature learned from 0.07",
    "share_view_weights": f"{_REPOSITORY}: one encoder",
    "num_frames": _CONFIG,
    "frame_sampling": f"{_REPOSITORY}/data/data_utils.py",
    "augment": f"{_REPOSITORY}/function/utils.py and data/data_utils.py: random resized crops of "
    "half of the picture or more, and a random frame of each segment",
    "text_template": f"{_REPOSITORY}/data: narration_en without a template",
    "similarity": f"{_REPOSITORY}/main.py: dot products of embeddings without normalization",
    "embed_dim": _CONFIG,
    "epochs": f"{_CONFIG}. The release keeps the epoch with the best mean top-1 of both directions "
    "on its question file; the rule here is below",
    "batch_size": f"{_CONFIG}: 64 clips per GPU, for an unstated number of GPUs: 32 pairs",
    "lr": _CONFIG,
    "weight_decay": _CONFIG,
    "schedule": f"{_CONFIG}: fix_lr",
}


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("egoexo", egoexo)


def egoexo(
    scale: str, /, *, weights: Path | None = None, size: Literal["base", "tiny"] = "base"
) -> Method:
    """EgoExo, the baseline of EgoExoLearn (CVPR 2024): each view to its own narration.

    One encoder for both views, the symmetric CLIP loss with a learned temperature, no audio
    (OpenGVLab/EgoExoLearn, commit e1f11b1, association_benchmark). Both towers are trained.

    Args:
        weights: LaViLa's clip_openai_timesformer_base.narrator_rephraser.ep_0001.md5sum_02dbb9
            .pth, with which its training starts, or its own, for both towers; without it, they
            are random.
        size: size of the network at paper scale; `tiny` is for dry runs.

    Differences from the release: ego clips are contrasted with ego clips and exo with exo, not all
    rows of a batch; a text over the context length keeps its end token.
    """
    if scale != "paper" and weights:
        raise UsageError(f"method 'egoexo' uses no weights at scale {scale}; add --scale paper")
    method = replace(
        COMPACT_DEFAULTS,
        name="egoexo",
        audio=None,
        anchor="view-narration",
        objective="info-nce:denominator=all,symmetric=true,learn=true",
        share_view_weights=True,
    )
    video, text = _VIDEO, _TEXT
    if size == "tiny":
        video, text = video.add_options(_TINY_VIDEO_OPTIONS), text.add_options(_TINY_TEXT_OPTIONS)
    paper = replace(
        method,
        scale="paper",
        video=str(video.add_options({"weights": weights})),
        text=str(text.add_options({"weights": weights})),
        num_frames=4,
        augment="egoexolearn",
        similarity="dot",
        embed_dim=256,
        num_layers=0,
        project=False,
        epochs=5,
        batch_size=32,
        lr=3e-5,
        weight_decay=0.01,
        schedule="constant",
        provenance=_PROVENANCE,
    )
    pretrained = use_pretrained(method)
    return select_scale(scale, {"compact": method, "pretrained": pretrained, "paper": paper})
