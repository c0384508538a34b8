"""Method `soundbridge`: sound as the bridge between the views, as the paper writes it."""

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

_VIDEO = Spec.parse("timesformer:system=egoexo,output=frames,trained=true,checkpointing=true")
_AUDIO = Spec.parse("beats:output=frames")
_TEXT = Spec.parse("clip-text:project=256,output=all,trained=true")
_TINY_VIDEO = {"image": 32, "width": 32, "depth": 1, "heads": 2}
_TINY_AUDIO = {"size": "tiny"}
_TINY_TEXT = {"width": 32, "depth": 1, "heads": 4}
_RELEASE = "shhuangcoder/SoundBridge 3c4ca7f"
_CONFIG = f"{_RELEASE}, cross-modal retrieval/config/train_egoexo.yml and our_default.yml"
_PROVENANCE = {
    "video": "paper, 5.1.2: ViT-B/16 of Frozen in Time, from CLIP's weights; in the release from "
    "LaViLa's. Unknown: which of its tokens, chosen here one a frame",
    "video_exo": "paper, eq. 5: an encoder of its own for each view",
    "audio": "paper, 5.1.2: BEATs, frozen. Unknown: which of its tokens, chosen here one a step "
    "of time, so that aligning them aligns time",
    "text": "paper, 5.1.2: CLIP's, for narrations and sound captions. Unknown: which of its "
    "tokens, chosen here all",
    "captioner": "paper, 3.2 and 5.1.2: Llama3-8B with prompts that are not published; chosen "
    "here rules, which need no model (`--set captioner=llm` asks one)",
    "video_fusion": "paper, eqs. 2-4, 7, 8 and 5.1.2: 4 heads; the residual is of the release",
    "text_fusion": "paper, eqs. 9 and 10 and 5.1.2: 4 heads; the residual is of the release",
    "anchor": "paper, 3.3",
    "objective": "paper, eqs. 11 and 12 and 5.1.2: temperature 0.07",
    "share_view_weights": "paper, eqs. 5, 7 and 8",
    "num_frames": f"{_CONFIG}; the paper does not say",
    "frame_sampling": f"{_RELEASE}, cross-modal retrieval/data/data_utils.py; the paper does not "
    "say",
    "text_template": f"{_RELEASE}, cross-modal retrieval/data: the text as it is",
    "similarity": "unknown: chosen here; the paper writes sim",
    "audio_alignment": "paper, 5.1.2: on CharadesEgo; here wherever the views were not filmed at "
    "once",
    "embed_dim": "paper, 5.1.2",
    "num_layers": "paper: none is written; a linear map stands in front of the attention",
    "epochs": f"{_CONFIG}; the paper does not say",
    "batch_size": f"{_CONFIG}: 32 clips a GPU; paper, 5.1.2: 8 GPUs: 128 pairs",
    "lr": "paper, 5.1.2",
    "weight_decay": f"{_CONFIG}; the paper says AdamW",
    "schedule": f"{_CONFIG}: fix_lr; the paper does not say",
}


@hookimpl
def register_methods(register: Register) -> None:
    """Bring the method."""
    register("soundbridge", soundbridge)


def soundbridge(
    scale: str,
    /,
    *,
    residual: Literal["query", "none"] = "query",
    weights: Path | None = None,
    audio_weights: Path | None = None,
    size: Literal["base", "tiny"] = "base",
) -> Method:
    """SoundBridge (CVPR 2025), eqs. 1-12: sound-vision and sound-text cross-attention.

    Sound tokens query video tokens, sound-caption tokens query narration tokens, four heads each;
    both views are pulled to the sound-aware text at temperature 0.07 by two contrastive losses
    whose denominator runs over k != i as printed; video branches have view-dependent weights and
    the audio encoder is frozen. At paper scale video and text encoders are trained.

    Args:
        residual: `query` adds the query tokens to the attention's output, as the released
            association model does; `none` is eq. 4 and eq. 10 as printed.
        weights: LaViLa's clip_openai_timesformer_base.narrator_rephraser.ep_0001.md5sum_02dbb9
            .pth, which the release starts from, for the encoders of both views and of text; none
            is random.
        audio_weights: of BEATs, such as BEATs_iter3_plus_AS2M.pt; none is random.
        size: of the encoders at paper scale; `tiny` is for dry runs.

    Where it departs from the paper: captions are the rules' unless a model is set; frames are
    those of evaluation in training too.
    """
    if scale == "compact" and (weights or audio_weights):
        raise UsageError(
            "method 'soundbridge' has no part for weights at scale compact; --scale paper"
        )
    method = replace(
        COMPACT_DEFAULTS,
        name="soundbridge",
        captioner="rules",
        video_fusion=str(Spec("sound-vision", {"residual": residual})),
        text_fusion=str(Spec("sound-text", {"residual": residual})),
        anchor="sound-text",
        objective="info-nce",
    )
    return select_scale(
        scale, {"compact": method, "paper": _paper(method, weights, audio_weights, size)}
    )


def _paper(
    method: Method, weights: Path | None, audio_weights: Path | None, size: Literal["base", "tiny"]
) -> Method:
    video, audio, text = _VIDEO, _AUDIO, _TEXT
    if size == "tiny":
        video, audio = video.add_options(_TINY_VIDEO), audio.add_options(_TINY_AUDIO)
        text = text.add_options(_TINY_TEXT)
    video = video.add_options({"weights": weights})
    return replace(
        method,
        scale="paper",
        video=str(video),
        video_exo=str(video),
        audio=str(audio.add_options({"weights": audio_weights})),
        text=str(text.add_options({"weights": weights})),
        num_frames=4,
        frame_sampling="soundbridge",
        embed_dim=256,
        num_layers=0,
        epochs=5,
        batch_size=128,
        lr=3e-5,
        weight_decay=0.01,
        schedule="constant",
        provenance=_PROVENANCE,
    )
