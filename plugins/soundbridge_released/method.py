"""Method `soundbridge-released`: SoundBridge as its code was released."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from egoexobench.errors import UsageError
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale
from egoexobench.spec import OptionValue, Spec

_TINY_VIDEO_OPTIONS = {"image": 32, "width": 32, "depth": 1, "heads": 2}
_TINY_AUDIO_OPTIONS = {"size": "tiny"}
_TINY_TEXT_OPTIONS = {"width": 64, "depth": 1}
_TINY_FUSION_OPTIONS = {"audio_dim": 32}
_REPOSITORY = "shhuangcoder/SoundBridge 3c4ca7f, cross-modal retrieval"
_CONFIG = f"{_REPOSITORY}/config/train_egoexo.yml and our_default.yml"
_PROVENANCE = {
    "video": f"{_REPOSITORY}/models/retriever.py: projected class token",
    "audio": f"{_REPOSITORY}/data: mean over BEATs tokens; unknown: the "
    "checkpoint of BEATs, chosen here that of the option",
    "text": f"{_REPOSITORY}/models/retriever.py: transformer_heads 16; projected end token",
    "captioner": "unknown: captions, prompts and LLM calls are not released; chosen here rules, "
    "with the frequent concepts removed as in the paper (3.2)",
    "video_fusion": f"{_REPOSITORY}/models/retriever.py and retriever_cha.py",
    "text_fusion": f"{_REPOSITORY}/models/retriever.py and retriever_cha.py",
    "video_query": f"{_REPOSITORY}/main_retrieval.py: encode_image reads the output of encode_text",
    "anchor": f"{_REPOSITORY}/data: each clip with its own text",
    "objective": f"{_REPOSITORY}/models/loss.py; {_CONFIG}: temperature learned from 0.07",
    "share_view_weights": f"{_REPOSITORY}/models/retriever.py: one encoder",
    "num_frames": _CONFIG,
    "frame_sampling": f"{_REPOSITORY}/data/data_utils.py",
    "augment": "shhuangcoder/SoundBridge 0b06d15, cross-modal retrieval/1function/utils.py and "
    "1data/data_utils.py: random resized crops of half of the picture or more, and a random frame "
    "of each segment",
    "text_template": f"{_REPOSITORY}/data: the text without a template",
    "similarity": f"{_REPOSITORY}/main_retrieval.py: dot products without normalization",
    "audio_alignment": f"{_REPOSITORY}: there is none",
    "embed_dim": f"{_CONFIG}: 256 in the first file, 768 in the second",
    "epochs": f"{_CONFIG}. The release keeps the epoch with the best mean top-1 of both directions "
    "on its question file; the rule here is below",
    "batch_size": f"{_CONFIG}: 32 clips per GPU; paper, 5.1.2: 8 GPUs: 128 pairs",
    "lr": _CONFIG,
    "weight_decay": _CONFIG,
    "schedule": f"{_CONFIG}: fix_lr",
}
_TRAINING_SETTINGS = (
    "anchor",
    "objective",
    "augment",
    "epochs",
    "batch_size",
    "lr",
    "weight_decay",
    "schedule",
    "audio",
    "audio_alignment",
)


def soundbridge_released(
    scale: str,
    /,
    *,
    variant: Literal["association", "retrieval", "cha"] = "retrieval",
    width: Literal["256", "768"] = "256",
    weights: Path | None = None,
    start: Path | None = None,
    audio_weights: Path | None = None,
    size: Literal["base", "tiny"] = "base",
) -> Method:
    """SoundBridge as released; its video embeddings depend on the sound caption.

    With `weights`, the checkpoint is scored without training; otherwise it is trained as released.

    Args:
        variant: `association`, `retrieval` or `cha` (CharadesEgo), as in the fusions.
        width: width of the shared space; 768 in the released default configuration, 256 in the
            configuration for training and in the paper.
        weights: a released checkpoint, such as ckpt/EgoExo/retrieval.pt, for towers and fusions.
        start: LaViLa's clip_openai_timesformer_base.narrator_rephraser.ep_0001.md5sum_02dbb9.pth,
            with which training starts, for the towers; its projections are 256 wide. Without it,
            they are random.
        audio_weights: a checkpoint of BEATs, for training; without it, they are random.
        size: size of the encoders; `tiny` is for dry runs and has a shared space of width 32.

    Differences from the paper:

    - A clip, its audio and a text are one vector each, so attention has a single key and its query
      has no effect.
    - Audio enters a video embedding by addition (`association`, `retrieval`) or not at all
      (`cha`). A sound caption enters a text embedding in `retrieval` alone.
    - In evaluation, a video embedding uses the text embedding of the sound caption, which is
      written from the narration, instead of the BEATs features of training: it depends on video
      and sound caption.
    - Both views share an encoder; audio is not aligned in time.
    - The loss is CLIP's with a learned temperature, in both directions and over all texts.
    - The text tower runs weights of 8 heads with 16. A text over the context length loses its end
      token, and all such texts have the same embedding.
    - Embeddings are compared by dot products, without normalization.

    Differences from the release: ego clips are contrasted with ego clips and exo with exo, not all
    rows of a batch; calls that end in an error there (see the fusions) work here. `cha` is trained
    with width=768 alone, because it does not project features.
    """
    if weights and start:
        raise UsageError(
            "method 'soundbridge-released': set weights (to score a checkpoint) or start (to "
            "train from a checkpoint), and not both"
        )
    if variant == "cha" and width != "768" and not weights:
        raise UsageError(
            "method 'soundbridge-released': variant=cha does not project sound features, so it can "
            "be trained with width=768 alone; write width=768, or weights=FILE to score a file"
        )
    shared = "32" if size == "tiny" else width
    video = Spec("timesformer", {"system": "egoexo", "output": "cls", "project": shared})
    audio = Spec("beats", {"output": "patches"})
    text = Spec(
        "clip-text",
        {"heads": "16", "project": shared, "output": "pooled", "truncate": "released"},
    )
    sound = "embedding" if weights else "released"
    fuse_video = Spec("soundbridge-released-video", {"variant": variant, "sound": sound})
    fuse_text = Spec("soundbridge-released-text", {"variant": variant})
    if size == "tiny":
        video = video.add_options(_TINY_VIDEO_OPTIONS)
        audio = audio.add_options(_TINY_AUDIO_OPTIONS)
        text = text.add_options(_TINY_TEXT_OPTIONS)
        fuse_video = fuse_video.add_options(_TINY_FUSION_OPTIONS)
    trained = None if weights else True
    towers: dict[str, OptionValue] = {"weights": weights or start, "trained": trained}
    method = replace(
        COMPACT_DEFAULTS,
        name="soundbridge-released",
        scale="paper",
        video=str(video.add_options({**towers, "checkpointing": trained})),
        audio=None if weights else str(audio.add_options({"weights": audio_weights})),
        text=str(text.add_options(towers)),
        captioner="rules",
        video_fusion=str(fuse_video.add_options({"weights": weights})),
        text_fusion=str(fuse_text.add_options({"weights": weights})),
        anchor=None if weights else "view-sound-text",
        objective=None if weights else "info-nce:denominator=all,symmetric=true,learn=true",
        video_query="sound_caption",
        share_view_weights=True,
        num_frames=4,
        frame_sampling="soundbridge",
        augment="none" if weights else "soundbridge",
        similarity="dot",
        audio_alignment="none",
        embed_dim=int(shared),
        num_layers=0,
        project=False,
        epochs=5,
        batch_size=128,
        lr=3e-5,
        weight_decay=0.01,
        schedule="constant",
        provenance={
            k: v for k, v in _PROVENANCE.items() if not (weights and k in _TRAINING_SETTINGS)
        },
    )
    return select_scale(scale, {"paper": method})
