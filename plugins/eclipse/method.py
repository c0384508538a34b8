"""Method `eclipse`: the fusion behind frozen encoders, or the published network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from egoexobench.errors import UsageError
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale, use_pretrained
from egoexobench.spec import Spec

Recipe = Literal["activitynet", "charades", "didemo", "qvhighlights", "youcook2"]
_REPOSITORY = "GenjiB/ECLIPSE 0f3bb93"
_TINY_TOWER = {"image": 32, "patch": 16, "width": 32, "depth": 1, "heads": 2}
_TINY_TEXT = {"width": 32, "depth": 1, "heads": 4}


class _Recipe(NamedTuple):
    """What a script of the release sets; ``factor`` multiplies the rate of the new parts."""

    script: str
    factor: float
    dual: bool = True
    reverse_norm: bool = False
    max_words: int = 128
    epochs: int = 20
    batch_size: int = 64
    lr: float = 1e-7


_RECIPES: dict[Recipe, _Recipe] = {
    "activitynet": _Recipe("run_act-B32.sh", 0.5, reverse_norm=True, epochs=40),
    "charades": _Recipe("run_cha.sh", 50, max_words=64),
    "didemo": _Recipe(
        "run_didemo.sh", 0.01, dual=False, max_words=64, epochs=5, batch_size=128, lr=5e-7
    ),
    "qvhighlights": _Recipe("run_qvh.sh", 0.5, dual=False),
    "youcook2": _Recipe("run_yc2.sh", 1),
}


def eclipse_method(
    scale: str,
    /,
    *,
    recipe: Recipe = "charades",
    weights: Path | None = None,
    size: Literal["base", "tiny"] = "base",
) -> Method:
    """ECLIPSE (Lin et al., ECCV 2022): pictures and sound attend to each other in CLIP's blocks.

    At scale paper it is the published network with its own loss: a joint encoder that starts as
    CLIP, the mean of its frames, CLIP's text tower, and the symmetric loss between each clip and
    its own text. At the other scales the encoders are frozen, so the blocks come behind them
    (fusion `eclipse`), and all else is that of `soundbridge`: the fusion alone differs from it.

    Args:
        recipe: data set of the release whose options and numbers are used at scale paper.
        weights: checkpoint of CLIP for both towers at scale paper, such as `hub:timm/
            vit_base_patch32_clip_224.openai/open_clip_model.safetensors`; without it, they are
            random.
        size: size of the network at paper scale; `tiny` is for dry runs.

    Differences from the release: the sound of a frame is a log spectrogram and not a vector of a
    network that was trained on VGGSound (its weights are not published with it); all parts have one
    rate of learning; the optimizer is AdamW without a limit of gradients; ego clips are
    contrasted with ego clips and exo with exo, not all rows of a batch.
    """
    if scale != "paper" and weights:
        raise UsageError(f"method 'eclipse' uses no weights at scale {scale}; add --scale paper")
    method = replace(
        COMPACT_DEFAULTS,
        name="eclipse",
        captioner="rules",
        video_fusion="eclipse",
        text_fusion="sound-text:residual=query",
        anchor="sound-text",
        objective="info-nce",
    )
    paper = _build_paper_method(_RECIPES[recipe], weights, size)
    return select_scale(
        scale, {"compact": method, "pretrained": use_pretrained(method), "paper": paper}
    )


def _build_paper_method(recipe: _Recipe, weights: Path | None, size: str) -> Method:
    switches = {"dual": recipe.dual, "reverse_norm": recipe.reverse_norm}
    trained = {"trained": True, "checkpointing": True}
    joint = Spec("eclipse").add_options(switches | trained)
    text = Spec("clip-text").add_options(
        {"context": recipe.max_words, "output": "pooled", "trained": True}
    )
    if size == "tiny":
        joint, text = joint.add_options(_TINY_TOWER), text.add_options(_TINY_TEXT)
    return replace(
        COMPACT_DEFAULTS,
        name="eclipse",
        scale="paper",
        video=None,
        audio=None,
        joint=str(joint.add_options({"weights": weights})),
        text=str(text.add_options({"weights": weights})),
        video_fusion="unit-mean",
        anchor="view-narration",
        objective="info-nce:denominator=all,symmetric=true,learn=true,temperature=0.01",
        share_view_weights=True,
        num_frames=32,
        embed_dim=512,
        num_layers=0,
        project=False,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        lr=recipe.lr,
        weight_decay=0.2,
        schedule="cosine",
        provenance=_describe_sources(recipe),
    )


def _describe_sources(recipe: _Recipe) -> dict[str, str]:
    script = f"{_REPOSITORY}, {recipe.script}"
    return {
        "joint": f"{script}: dual and reverse_norm; modules/module_clip.py: the blocks; ViT-B/32. "
        "Unknown without its weights: the network of the sound; chosen here the spectrogram that "
        "it reads",
        "text": f"{script}: max_words; modules/module_clip.py: CLIP's, end token, positions "
        "interpolated beyond 77",
        "video_fusion": f"{_REPOSITORY}, modules/modeling.py: meanP, the mean of frames of unit "
        "length",
        "anchor": f"{_REPOSITORY}: each clip with its own text",
        "objective": f"{_REPOSITORY}, modules/modeling.py: CLIP's loss; its temperature starts at "
        "that of CLIP's weights, 0.01, and is trained",
        "share_view_weights": f"{_REPOSITORY}: one encoder",
        "num_frames": f"{script}: 32 frames and 32 sounds",
        "frame_sampling": f"{script}: slice_framepos 2, spread evenly; chosen here the centers of "
        "equal segments",
        "text_template": f"{_REPOSITORY}: the text without a template",
        "similarity": f"{_REPOSITORY}, modules/modeling.py: vectors of unit length",
        "epochs": script,
        "batch_size": f"{script}: of all GPUs together",
        "lr": f"{script}: lr 1e-4 times coef_lr, the rate of CLIP. That of the new parts is "
        f"{recipe.factor:g} times as high there; here all parts have one rate",
        "weight_decay": f"{_REPOSITORY}, main_task_retrieval.py, for CLIP; that of the new parts "
        "is an option of the script there",
        "schedule": f"{_REPOSITORY}, main_task_retrieval.py: cosine after a warm-up",
    }
