"""Method `lavila`: LaViLa's dual encoder, fine-tuned."""

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
    "timesformer:system=lavila,frames=16,output=cls,project=256,trained=true,checkpointing=true"
)
_TEXT = Spec.parse("clip-text:project=256,output=pooled,trained=true")
_VIDEO_SIZES: dict[str, dict[str, int]] = {
    "base": {},
    "large": {"patch": 14, "width": 1024, "depth": 24, "heads": 16},
    "tiny": {"image": 32, "width": 32, "depth": 1, "heads": 2},
}
_TEXT_SIZES: dict[str, dict[str, int]] = {
    "base": {},
    "large": {"width": 768, "heads": 12},
    "tiny": {"width": 32, "depth": 1, "heads": 4},
}
_RELEASE = "facebookresearch/LaViLa 8002b5a"
_TUNED = f"{_RELEASE}, docs/MODEL_ZOO.md and main_finetune_retrieval.py: CharadesEgo"
_PROVENANCE = {
    "video": f"{_RELEASE}, lavila/models/models.py: TimeSformer, class token, matrix to 256; "
    "docs/MODEL_ZOO.md: --use-checkpoint",
    "text": f"{_RELEASE}, lavila/models/models.py: CLIP's, end token, matrix to 256",
    "anchor": f"{_TUNED}: each clip with its own text",
    "objective": f"{_TUNED}: CLIP's loss; its temperature stays that of the checkpoint there",
    "share_view_weights": f"{_RELEASE}: one encoder",
    "num_frames": _TUNED,
    "frame_sampling": f"{_RELEASE}, lavila/data/datasets.py",
    "text_template": f"{_RELEASE}, eval_zeroshot.py: without --cls-use-template",
    "similarity": f"{_RELEASE}, eval_zeroshot.py: features of unit length",
    "embed_dim": f"{_RELEASE}, lavila/models/models.py",
    "epochs": _TUNED,
    "batch_size": f"{_TUNED}: 16 clips a GPU, 8 GPUs: 64 pairs",
    "lr": _TUNED,
    "weight_decay": _TUNED,
    "schedule": f"{_TUNED}: there from 1e-6, over 1 epoch, and down to 1e-5; here 5 % and to 0",
}


@hookimpl
def register_methods(register: Register) -> None:
    """Bring the method."""
    register("lavila", lavila)


def lavila(
    scale: str, /, *, weights: Path | None = None, size: Literal["base", "large", "tiny"] = "base"
) -> Method:
    """LaViLa (CVPR 2023), a CLIP of TimeSformer and text tower, fine-tuned on each view's text.

    Both towers are trained. `--set objective=none` scores the checkpoint as it is. The paper
    fine-tunes it (5.2) and does not say how; settings are those of LaViLa's own fine-tuning on
    CharadesEgo.

    Args:
        weights: a published checkpoint, such as clip_openai_timesformer_base.narrator_rephraser
            .ep_0001.md5sum_02dbb9.pth, for both towers; none is random.
        size: of the network; `tiny` is for dry runs.

    Departs from the release: frames are those of evaluation in training too, neither jittered nor
    cropped at random; no drop path (there 0.1); the temperature is learnt from 0.07, where the
    release freezes that of the checkpoint; ego clips are contrasted with ego clips and exo with
    exo, where rows of one batch are; the end token of a text over the context length is kept.
    """
    method = replace(
        COMPACT_DEFAULTS,
        name="lavila",
        scale="paper",
        video=str(_VIDEO.add_options({**_VIDEO_SIZES[size], "weights": weights})),
        audio=None,
        text=str(_TEXT.add_options({**_TEXT_SIZES[size], "weights": weights})),
        anchor="view-narration",
        objective="info-nce:denominator=all,symmetric=true,learn=true",
        share_view_weights=True,
        num_frames=16,
        frame_sampling="lavila-single-file",
        embed_dim=256,
        num_layers=0,
        project=False,
        epochs=10,
        batch_size=64,
        lr=3e-5,
        weight_decay=0.01,
        schedule="cosine",
        provenance=_PROVENANCE,
    )
    return select_scale(scale, {"paper": method})
