"""Method `soundbridge-released`: SoundBridge as its code was released."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from egoexobench.errors import UsageError
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale
from egoexobench.spec import OptionValue, Spec

_TINY_VIDEO = {"image": 32, "width": 32, "depth": 1, "heads": 2}
_TINY_AUDIO = {"size": "tiny"}
_TINY_TEXT = {"width": 64, "depth": 1}
_TINY_FUSION = {"audio_dim": 32}
_RELEASE = "shhuangcoder/SoundBridge 3c4ca7f, cross-modal retrieval"
_CONFIG = f"{_RELEASE}/config/train_egoexo.yml and our_default.yml"
_PROVENANCE = {
    "video": f"{_RELEASE}/models/retriever.py: class token, projected",
    "audio": f"{_RELEASE}/data: mean over BEATs tokens; unknown: which "
    "BEATs, chosen here whichever is given",
    "text": f"{_RELEASE}/models/retriever.py: transformer_heads 16; end token, projected",
    "captioner": "unknown: its captions, prompts and LLM calls are not released; chosen here rules",
    "video_fusion": f"{_RELEASE}/models/retriever.py and retriever_cha.py",
    "text_fusion": f"{_RELEASE}/models/retriever.py and retriever_cha.py",
    "video_query": f"{_RELEASE}/main_retrieval.py: what encode_text gives is fed to encode_image",
    "anchor": f"{_RELEASE}/data: each clip with its own text",
    "objective": f"{_RELEASE}/models/loss.py; {_CONFIG}: temperature learnt from 0.07",
    "share_view_weights": f"{_RELEASE}/models/retriever.py: one encoder",
    "num_frames": _CONFIG,
    "frame_sampling": f"{_RELEASE}/data/data_utils.py",
    "text_template": f"{_RELEASE}/data: the text as it is",
    "similarity": f"{_RELEASE}/main_retrieval.py: products of embeddings that are not normalised",
    "audio_alignment": f"{_RELEASE}: no word of it",
    "embed_dim": f"{_CONFIG}: 256 in the first, 768 in the second",
    "epochs": _CONFIG,
    "batch_size": f"{_CONFIG}: 32 clips a GPU; paper, 5.1.2: 8 GPUs: 128 pairs",
    "lr": _CONFIG,
    "weight_decay": _CONFIG,
    "schedule": f"{_CONFIG}: fix_lr",
}
_TRAINED = ("anchor", "objective", "epochs", "batch", "lr", "weight_decay", "schedule", "audio")


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
    """SoundBridge as its code was released, whose video embeddings read the sound caption.

    With `weights` the checkpoint is scored as it is and nothing is trained; without, it is
    trained as released.

    Args:
        variant: `association`, `retrieval` or `cha` (CharadesEgo), as the fusions of that name.
        width: of the shared space; 768 in the released default configuration, 256 in the one for
            training, and in the paper.
        weights: a released checkpoint, such as ckpt/EgoExo/retrieval.pt, for towers and fusions.
        start: LaViLa's clip_openai_timesformer_base.narrator_rephraser.ep_0001.md5sum_02dbb9.pth,
            which training starts from, for the towers; its projections are 256 wide. None is
            random.
        audio_weights: of BEATs, for training; none is random.
        size: of the encoders; `tiny` is for dry runs, in a shared space that is 32 wide.

    Departs from the paper:

    - A clip, a sound and a text are one vector each, so attention has one key and its query
      changes nothing.
    - Sound reaches a video embedding by addition (`association`, `retrieval`) or not at all
      (`cha`), a sound caption a text embedding in `retrieval` alone.
    - When a video is scored, the text embedding of its sound caption, written from its narration,
      stands where training has BEATs features: a video embedding reads video and sound caption.
    - Both views share one encoder; sounds are not aligned in time.
    - The loss is CLIP's with a learnt temperature, in both directions and over all texts.
    - The text tower runs weights of 8 heads with 16; a text over the context length loses its end
      token, and all such texts have one embedding.
    - Embeddings are compared by products, without being normalised.

    Departs from the release: ego clips are contrasted with ego clips and exo with exo, where rows
    of one batch are; frames are those of evaluation in training too; what stops with an error
    there (see the fusions) does not stop here. `cha` is trained with width=768 alone, since it
    does not project features.
    """
    if weights and start:
        raise UsageError(
            "method 'soundbridge-released' takes weights, which are scored, or start, which is "
            "trained from, and not both"
        )
    if variant == "cha" and width != "768" and not weights:
        raise UsageError(
            "method 'soundbridge-released': variant=cha does not project sound features, so it is "
            "trained with width=768 alone; write width=768, or weights=FILE to score a checkpoint"
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
        video, audio = video.add_options(_TINY_VIDEO), audio.add_options(_TINY_AUDIO)
        text, fuse_video = text.add_options(_TINY_TEXT), fuse_video.add_options(_TINY_FUSION)
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
        provenance={k: v for k, v in _PROVENANCE.items() if not (weights and k in _TRAINED)},
    )
    return select_scale(scale, {"paper": method})
