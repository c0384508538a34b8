"""Method `soundbridge`: sound as the bridge between the views, as in the paper."""

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

_VIDEO = Spec.parse("timesformer:system=egoexo,output=frames,trained=true,checkpointing=true")
_AUDIO = Spec.parse("beats:output=frames")
_TEXT = Spec.parse("clip-text:project=256,output=all,trained=true")
_TINY_VIDEO_OPTIONS = {"image": 32, "width": 32, "depth": 1, "heads": 2}
_TINY_AUDIO_OPTIONS = {"size": "tiny"}
_TINY_TEXT_OPTIONS = {"width": 32, "depth": 1, "heads": 4}
_REPOSITORY = "shhuangcoder/SoundBridge 3c4ca7f"
_CONFIG = f"{_REPOSITORY}, cross-modal retrieval/config/train_egoexo.yml and our_default.yml"
_PROVENANCE = {
    "video": "paper, 5.1.2: the video transformer of Frozen in Time, ViT-B/16, from CLIP's "
    "weights. Here and in the release it is LaViLa's form of that network, which fits CLIP's "
    "weights: a norm before the blocks, QuickGELU and no bias of the patches, while Frozen in Time "
    "has no such norm, GELU and a bias. The release starts from LaViLa's weights, not from CLIP's. "
    "Unknown: the kind of tokens, chosen here one per frame",
    "video_exo": "paper, eq. 5: a separate encoder for each view",
    "audio": "paper, 5.1.2: BEATs, frozen. Unknown: the kind of tokens, chosen here one per time "
    "step, so that aligned tokens are aligned in time",
    "text": "paper, 5.1.2: CLIP's, for narrations and sound captions. Unknown: the kind of "
    "tokens, chosen here all",
    "captioner": "paper, 3.2 and 5.1.2: Llama3-8B writes a caption and removes frequent concepts "
    "from it, with prompts that are not published; chosen here rules, which need no model (`--set "
    "captioner=llm` uses one). The paper states no threshold; chosen here half of the training "
    "captions (docs/decisions/0012)",
    "video_fusion": "paper, eqs. 2-4, 7, 8 and 5.1.2: 4 heads; the residual is that of the release",
    "text_fusion": "paper, eqs. 9 and 10 and 5.1.2: 4 heads; the residual is that of the release",
    "anchor": "paper, 3.3: f_st, the sound-aware text of the pair (Table 6 compares anchors)",
    "video_query": "paper, eqs. 4, 7 and 8: the sound, in training and when a video is scored",
    "objective": "paper, eqs. 11 and 12 and 5.1.2: temperature 0.07",
    "share_view_weights": "paper, eqs. 5, 7 and 8",
    "num_frames": f"{_CONFIG}; the paper does not say",
    "frame_sampling": f"{_REPOSITORY}, cross-modal retrieval/data/data_utils.py; the paper does "
    "not say",
    "augment": "shhuangcoder/SoundBridge 0b06d15, cross-modal retrieval/1function/utils.py and "
    "1data/data_utils.py: random resized crops of half of the picture or more, and a random frame "
    "of each segment; the paper does not say",
    "text_template": f"{_REPOSITORY}, cross-modal retrieval/data: the text without a template",
    "similarity": "unknown: the paper writes sim; chosen here the cosine, in the loss and in the "
    "ranking. The release has unit length in the loss and ranks by dot product",
    "audio_alignment": "paper, 5.1.2: on CharadesEgo; here if the views were not recorded at "
    "the same time",
    "embed_dim": "paper, 5.1.2",
    "num_layers": "the paper mentions none",
    "project": "unknown: chosen here a linear map of each encoder's tokens to D before the "
    "attention, because their widths differ; the maps of eq. 4 are those of the attention",
    "dropout": "the paper does not say: chosen here none; the release has 0.1 in the attention",
    "epochs": f"{_CONFIG}; the paper does not say. The release keeps the epoch with the best mean "
    "top-1 of both directions on its question file; the rule here is below",
    "batch_size": f"{_CONFIG}: 32 clips per GPU; paper, 5.1.2: 8 GPUs: 128 pairs",
    "lr": "paper, 5.1.2",
    "weight_decay": f"{_CONFIG}; the paper says AdamW and no number. Which parameters have it is "
    "below",
    "schedule": f"{_CONFIG}: fix_lr; the paper does not say",
}


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
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

    Sound tokens query video tokens, and sound-caption tokens query narration tokens, with four
    heads each. Two contrastive losses at temperature 0.07, with a denominator over k != i as
    printed, train both views to match the sound-aware text. Each view has its own video weights,
    and the audio encoder is frozen. At paper scale, video and text encoders are trained.

    Args:
        residual: `query` adds the query tokens to the attention's output, as the released
            association model does; `none` is eq. 4 and eq. 10 as printed.
        weights: LaViLa's clip_openai_timesformer_base.narrator_rephraser.ep_0001.md5sum_02dbb9
            .pth, with which the release starts, for the encoders of both views and of text;
            without it, they are random.
        audio_weights: a checkpoint of BEATs, such as BEATs_iter3_plus_AS2M.pt; without it, they
            are random.
        size: size of the encoders at paper scale; `tiny` is for dry runs.

    Differences from the paper: captions are written by rules unless a model is set; at scale paper,
    E_v is LaViLa's form of Frozen in Time's network.

    The paper leaves open: how frequent a removed concept is, the similarity, which tokens E_v, E_a
    and E_t give and how an attention's output becomes one vector (here: their mean), frames,
    epochs, batch, schedule, how the epoch is chosen, and which parameters have weight decay. The
    lines below say what was chosen.
    """
    if scale != "paper" and (weights or audio_weights):
        raise UsageError(
            f"method 'soundbridge' uses no weights at scale {scale}; add --scale paper"
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
    paper = _build_paper_method(method, weights, audio_weights, size)
    pretrained = use_pretrained(method)
    return select_scale(scale, {"compact": method, "pretrained": pretrained, "paper": paper})


def _build_paper_method(
    method: Method, weights: Path | None, audio_weights: Path | None, size: Literal["base", "tiny"]
) -> Method:
    video, audio, text = _VIDEO, _AUDIO, _TEXT
    if size == "tiny":
        video = video.add_options(_TINY_VIDEO_OPTIONS)
        audio = audio.add_options(_TINY_AUDIO_OPTIONS)
        text = text.add_options(_TINY_TEXT_OPTIONS)
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
        augment="soundbridge",
        embed_dim=256,
        num_layers=0,
        epochs=5,
        batch_size=128,
        lr=3e-5,
        weight_decay=0.01,
        schedule="constant",
        provenance=_PROVENANCE,
    )
