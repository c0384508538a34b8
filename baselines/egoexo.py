"""Method `egoexo`: each view to its own narration, no sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench.errors import UsageError
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench import Register

_VIDEO = Spec.parse(
    "timesformer:system=egoexo,output=cls,project=256,trained=true,checkpointing=true"
)
_TEXT = Spec.parse("clip-text:project=256,output=pooled,trained=true")
_TINY_VIDEO = {"image": 32, "width": 32, "depth": 1, "heads": 2}
_TINY_TEXT = {"width": 32, "depth": 1, "heads": 4}
_RELEASE = "OpenGVLab/EgoExoLearn e1f11b1, association_benchmark"
_CONFIG = f"{_RELEASE}/configs/our_default.yml"
_PROVENANCE = {
    "video": f"{_RELEASE}/models: LaViLa's TimeSformer, class token, matrix to 256",
    "text": f"{_RELEASE}/models: CLIP's, end token, matrix to 256",
    "anchor": f"{_RELEASE}/data: each clip with its own text",
    "objective": f"{_CONFIG}: CLIP's loss, temperature learnt from 0.07",
    "share_view_weights": f"{_RELEASE}: one encoder",
    "num_frames": _CONFIG,
    "frame_sampling": f"{_RELEASE}/data/data_utils.py",
    "text_template": f"{_RELEASE}/data: narration_en as it is",
    "similarity": f"{_RELEASE}/main.py: products of embeddings that are not normalised",
    "embed_dim": _CONFIG,
    "epochs": _CONFIG,
    "batch_size": f"{_CONFIG}: 64 clips a GPU, and no word of how many: 32 pairs",
    "lr": _CONFIG,
    "weight_decay": _CONFIG,
    "schedule": f"{_CONFIG}: fix_lr",
}


@hookimpl
def register_methods(register: Register) -> None:
    """Bring the method."""
    register("egoexo", egoexo)


def egoexo(
    scale: str, /, *, weights: Path | None = None, size: Literal["base", "tiny"] = "base"
) -> Method:
    """EgoExo, the baseline of EgoExoLearn (CVPR 2024): each view to its own narration.

    One encoder for both views, the symmetric CLIP loss with a learnt temperature, no sound
    (OpenGVLab/EgoExoLearn, commit e1f11b1, association_benchmark). Both towers are trained.

    Args:
        weights: LaViLa's clip_openai_timesformer_base.narrator_rephraser.ep_0001.md5sum_02dbb9
            .pth, which it starts from, or its own, for both towers; none is random.
        size: of the network at paper scale; `tiny` is for dry runs.

    Departs from the release: frames are those of evaluation in training too, neither jittered nor
    cropped at random; ego clips are contrasted with ego clips and exo with exo, where rows of one
    batch are; the end token of a text over the context length is kept.
    """
    if scale == "compact" and weights:
        raise UsageError("method 'egoexo' has no part for weights at scale compact; --scale paper")
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
        video, text = video.add_options(_TINY_VIDEO), text.add_options(_TINY_TEXT)
    paper = replace(
        method,
        scale="paper",
        video=str(video.add_options({"weights": weights})),
        text=str(text.add_options({"weights": weights})),
        num_frames=4,
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
    return select_scale(scale, {"compact": method, "paper": paper})
