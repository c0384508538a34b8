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
_TINY_VIDEO = {"image": 32, "width": 32, "depth": 1, "heads": 2}
_TINY_TEXT = {"width": 32, "depth": 1, "heads": 2, "hidden": 64}
_RELEASE = "showlab/EgoVLP 928406c"
_TUNED = f"{_RELEASE}, configs/ft/charades.json"
_PROVENANCE = {
    "video": f"{_RELEASE}, model/model.py: Frozen in Time's",
    "text": f"{_RELEASE}, model/model.py: Frozen in Time's",
    "anchor": f"{_RELEASE}, run/train_charades.py: each clip with its own text",
    "objective": f"{_TUNED}: NormSoftmaxLoss, temperature 0.05; there the sum of both directions, "
    "here their mean",
    "share_view_weights": f"{_RELEASE}: one encoder",
    "num_frames": _TUNED,
    "frame_sampling": f"{_RELEASE}, base/base_dataset.py: sample_frames_clips",
    "text_template": "unknown: chosen here, the narration as it is",
    "similarity": f"{_RELEASE}, model/model.py: sim_matrix",
    "embed_dim": f"{_RELEASE}, model/model.py",
    "epochs": f"{_TUNED}; there it may stop early",
    "batch_size": f"{_TUNED}: 4 clips a GPU, 8 GPUs: 16 pairs",
    "lr": _TUNED,
    "weight_decay": f"{_TUNED} names none; that of the optimiser that it names is 0",
    "schedule": f"{_TUNED} names none",
}


@hookimpl
def register_methods(register: Register) -> None:
    """Bring the method."""
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

    Both towers are trained. `--set objective=none` scores the checkpoint as it is. The paper
    fine-tunes it (5.2) and does not say how; settings are those of EgoVLP's own fine-tuning on
    CharadesEgo.

    Args:
        weights: a published checkpoint such as egovlp.pth, or LaViLa's conversion of it, for both
            towers; none is random.
        vocabulary: `vocab.txt` of distilbert-base-uncased; none asks the Hugging Face hub.
        size: of the network; `tiny` is for dry runs.

    Departs from the release: frames are those of evaluation in training too, neither jittered nor
    cropped at random; ego clips are contrasted with ego clips and exo with exo; a checkpoint with
    4 frames gets 12 rows of zeros in its temporal table, as in the release.
    """
    video, text = _VIDEO, _TEXT
    if size == "tiny":
        video, text = video.add_options(_TINY_VIDEO), text.add_options(_TINY_TEXT)
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
