"""Encoder `clip-text`: the text tower of CLIP, and of all who kept it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Bring the encoder."""
    register("clip-text", clip_text)


def clip_text(
    *,
    context: int = 77,
    width: int = 512,
    heads: int = 8,
    depth: int = 12,
    project: int = 512,
    output: Literal["pooled", "all"] = "all",
    truncate: Literal["released", "proper"] = "proper",
    weights: Path | None = None,
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """CLIP's causal text transformer (open_clip's, with QuickGELU) and its byte pairs.

    Published embeddings are `output=pooled`: the end token, projected. The default projects every
    token, so that sound captions can attend to words. LaViLa and EgoExo are
    `project=256`, LaViLa's large model `width=768,heads=12,project=256`, SoundBridge's release
    `heads=16,project=256`, EgoInstructor `context=300,width=768,project=768`.

    Args:
        context: tokens of a text at most, start and end among them.
        width: features of a token inside.
        heads: attention heads. No checkpoint shows them: SoundBridge's release runs CLIP's
            weights with 16, EgoInstructor weights of a model with 12 heads with 8.
        depth: blocks.
        project: width of the shared space.
        output: `pooled` is one token a text, `all` one for every token of it.
        truncate: how a text over the context length is cut. `released` is what LaViLa's tokenizer
            does, and EgoExo's, SoundBridge's and EgoInstructor's with it: the end token is lost,
            the text is pooled at position 0, and all such texts have one embedding. `proper`
            keeps the end token.
        weights: checkpoint of the whole system, a file or `hub:ORG/NAME/FILE`, such as CLIP's own
            `hub:timm/vit_base_patch16_clip_224.openai/open_clip_model.safetensors`; none is
            random.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: compute blocks again in the backward pass and keep less in memory.

    Sources: facebookresearch/LaViLa 8002b5a, OpenGVLab/EgoExoLearn e1f11b1,
    Jazzcharles/Egoinstructor 8492ba0, shhuangcoder/SoundBridge 3c4ca7f.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.clip_text.model import ClipText, Shape

    shape = Shape(context, width, heads, depth, project, checkpointing=checkpointing)
    encoder = ClipText(shape, output, truncate, trained)
    if weights is not None:
        encoder.load(hub.resolve_weights(weights))
    return encoder
