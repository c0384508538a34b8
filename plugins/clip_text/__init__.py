"""Encoder `clip-text`: the text tower of CLIP and of the systems that are built on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoder."""
    register(
        "clip-text",
        clip_text,
        modality="text",
        example={"width": 32, "heads": 4, "depth": 1, "project": 16},
    )


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

    Published embeddings are `output=pooled`: the projected end token. The default projects every
    token, so that sound captions can attend to words. LaViLa and EgoExo use
    `project=256`, LaViLa's large model `width=768,heads=12,project=256`, SoundBridge's release
    `heads=16,project=256`, EgoInstructor `context=300,width=768,project=768`.

    Args:
        context: maximum number of tokens of a text, with start and end token.
        width: width of a token inside the tower.
        heads: attention heads. A checkpoint does not contain their number: SoundBridge's release
            runs CLIP's weights with 16, EgoInstructor runs weights of 12 heads with 8.
        depth: number of blocks.
        project: width of the shared space.
        output: `pooled` returns one token per text, `all` every token of it.
        truncate: how a text over the context length is cut. `released` is the rule of the
            tokenizers of LaViLa, EgoExo, SoundBridge and EgoInstructor: the end token is lost,
            the text is pooled at position 0, and all such texts have the same embedding.
            `proper` keeps the end token.
        weights: checkpoint of the complete system, a file or `hub:ORG/NAME/FILE`, such as CLIP's
            `hub:timm/vit_base_patch16_clip_224.openai/open_clip_model.safetensors`; without it,
            they are random.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.

    Sources: facebookresearch/LaViLa 8002b5a, OpenGVLab/EgoExoLearn e1f11b1,
    Jazzcharles/Egoinstructor 8492ba0, shhuangcoder/SoundBridge 3c4ca7f.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.clip_text.model import CLIPTextConfig, CLIPTextEncoder

    config = CLIPTextConfig(
        context=context,
        width=width,
        heads=heads,
        depth=depth,
        project=project,
        checkpointing=checkpointing,
    )
    encoder = CLIPTextEncoder(config, output, truncate, trained)
    if weights is not None:
        encoder.load_checkpoint(hub.resolve_weights(weights))
    return encoder
