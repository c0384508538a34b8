"""Method `egovlp`: EgoVLP, fine-tuned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench import Register

_VIDEO = Spec.parse(
    "timesformer:system=egovlp,frames=16,output=cls,project=256,trained=true,checkpointing=true"
)
_TEXT = Spec.parse("distilbert-text:output=cls,project=256,trained=true")
_TINY_VIDEO_OPTIONS = {"image": 32, "width": 32, "depth": 1, "heads": 2}
_TINY_TEXT_OPTIONS = {"width": 32, "depth": 1, "heads": 2, "hidden": 64}
_REPOSITORY = "showlab/EgoVLP 928406c"
_FINETUNING_CONFIG = f"{_REPOSITORY}, configs/ft/charades.json"
_PROVENANCE = {
    "video": f"{_REPOSITORY}, model/model.py: Frozen in Time's",
    "text": f"{_REPOSITORY}, model/model.py: Frozen in Time's",
    "anchor": f"{_REPOSITORY}, run/train_charades.py: each clip with its own text",
    "objective": f"{_FINETUNING_CONFIG}: NormSoftmaxLoss, temperature 0.05; there the sum of both "
    "directions, here their mean",
    "share_view_weights": f"{_REPOSITORY}: one encoder",
    "num_frames": _FINETUNING_CONFIG,
    "frame_sampling": f"{_REPOSITORY}, base/base_dataset.py: sample_frames_clips",
    "augment": f"{_REPOSITORY}, data_loader/transforms.py and base/base_dataset.py: random resized "
    "crops of half of the picture or more, half of the clips mirrored, and a random frame of each "
    "interval; its color jitter has strength 0",
    "text_template": "unknown: chosen here, the narration without a template",
    "similarity": f"{_REPOSITORY}, model/model.py: sim_matrix",
    "embed_dim": f"{_REPOSITORY}, model/model.py",
    "epochs": f"{_FINETUNING_CONFIG}; there training may stop early",
    "batch_size": f"{_FINETUNING_CONFIG}: 4 clips per GPU, 8 GPUs: 16 pairs",
    "lr": _FINETUNING_CONFIG,
    "weight_decay": f"{_FINETUNING_CONFIG} sets none; the default of its optimizer is 0",
    "schedule": f"{_FINETUNING_CONFIG} sets none",
}


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("egovlp", egovlp)


def egovlp(
    scale: str,
    /,
    *,
    weights: Path | None = None,
    vocabulary: Path | None = None,
    size: Literal["base", "tiny"] = "base",
) -> Method:
    """EgoVLP (NeurIPS 2022), Frozen in Time trained on Ego4D, fine-tuned on each view's text.

    Both towers are trained. `--set objective=none` scores the checkpoint without training. The
    paper fine-tunes it (5.2) without saying how; the settings are those of EgoVLP's own
    fine-tuning on CharadesEgo.

    Args:
        weights: a published checkpoint such as egovlp.pth, or LaViLa's conversion of it, for both
            towers; without it, they are random.
        vocabulary: `vocab.txt` of distilbert-base-uncased; without it, the file is downloaded
            from the Hugging Face hub.
        size: size of the network; `tiny` is for dry runs.

    Differences from the release: ego clips are contrasted with ego clips and exo with exo. As in
    the release, a checkpoint with 4 frames gets 12 rows of zeros in its temporal table.
    """
    video, text = _VIDEO, _TEXT
    if size == "tiny":
        video, text = video.add_options(_TINY_VIDEO_OPTIONS), text.add_options(_TINY_TEXT_OPTIONS)
    method = replace(
        COMPACT_DEFAULTS,
        name="egovlp",
        scale="paper",
        video=str(video.add_options({"weights": weights})),
        audio=None,
        text=str(text.add_options({"vocabulary": vocabulary, "weights": weights})),
        anchor="view-narration",
        objective="info-nce:temperature=0.05,denominator=all,symmetric=true",
        share_view_weights=True,
        num_frames=16,
        frame_sampling="egovlp-clips",
        augment="egovlp",
        embed_dim=256,
        num_layers=0,
        project=False,
        epochs=20,
        batch_size=16,
        lr=3e-5,
        weight_decay=0.0,
        schedule="constant",
        provenance=_PROVENANCE,
    )
    return select_scale(scale, {"paper": method})
