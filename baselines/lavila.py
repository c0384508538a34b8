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
_REPOSITORY = "facebookresearch/LaViLa 8002b5a"
_FINETUNING_CONFIG = f"{_REPOSITORY}, docs/MODEL_ZOO.md and main_finetune_retrieval.py: CharadesEgo"
_PROVENANCE = {
    "video": f"{_REPOSITORY}, lavila/models/models.py: TimeSformer, class token, matrix to 256; "
    "docs/MODEL_ZOO.md: --use-checkpoint",
    "text": f"{_REPOSITORY}, lavila/models/models.py: CLIP's, end token, matrix to 256",
    "anchor": f"{_FINETUNING_CONFIG}: each clip with its own text",
    "objective": f"{_FINETUNING_CONFIG}: CLIP's loss; there with the checkpoint's temperature",
    "share_view_weights": f"{_REPOSITORY}: one encoder",
    "num_frames": _FINETUNING_CONFIG,
    "frame_sampling": f"{_REPOSITORY}, lavila/data/datasets.py",
    "augment": f"{_REPOSITORY}, main_finetune_retrieval.py and lavila/data/datasets.py: random "
    "resized crops of half of the picture or more, and a random frame of each segment",
    "text_template": f"{_REPOSITORY}, eval_zeroshot.py: without --cls-use-template",
    "similarity": f"{_REPOSITORY}, eval_zeroshot.py: features of unit length",
    "embed_dim": f"{_REPOSITORY}, lavila/models/models.py",
    "epochs": _FINETUNING_CONFIG,
    "batch_size": f"{_FINETUNING_CONFIG}: 16 clips per GPU, 8 GPUs: 64 pairs",
    "lr": _FINETUNING_CONFIG,
    "weight_decay": _FINETUNING_CONFIG,
    "schedule": f"{_FINETUNING_CONFIG}: there from 1e-6 over 1 epoch and down to 1e-5; here over "
    "5 % of the steps and down to 0",
}


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("lavila", lavila)


def lavila(
    scale: str, /, *, weights: Path | None = None, size: Literal["base", "large", "tiny"] = "base"
) -> Method:
    """LaViLa (CVPR 2023), a CLIP with a TimeSformer, fine-tuned on each view's text.

    Both towers are trained. `--set objective=none` scores the checkpoint without training. The
    paper fine-tunes it (5.2) without saying how; the settings are those of LaViLa's own
    fine-tuning on CharadesEgo.

    Args:
        weights: a published checkpoint, such as clip_openai_timesformer_base.narrator_rephraser
            .ep_0001.md5sum_02dbb9.pth, for both towers; without it, they are random.
        size: size of the network; `tiny` is for dry runs.

    Differences from the release: there is no drop path (release: 0.1); the temperature is learned
    from 0.07, while the release freezes that of the checkpoint; ego clips are contrasted with ego
    clips and exo with exo, not all rows of a batch; a text over the context length keeps its end
    token.
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
        augment="lavila",
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
