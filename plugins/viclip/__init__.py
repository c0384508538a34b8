"""Encoders `viclip` and `viclip-text`: the two towers of ViCLIP (InternVid)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Register both encoders."""
    register("viclip", viclip, modality="video", example={"size": "tiny", "frames": 4})
    register("viclip-text", viclip_text, modality="text", example={"size": "tiny"})


def viclip(
    *,
    weights: Path | None = None,
    size: Literal["base", "large", "tiny"] = "base",
    frames: int = 8,
    output: Literal["clip", "frames", "patches"] = "frames",
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """CLIP's image tower over all patches of all frames together, projected to the shared space.

    A clip has exactly `frames` frames, or one, which gets the mean of the temporal table. No
    token is masked; the release masks in training only.

    Args:
        weights: a published checkpoint, such as ViCLIP-B_InternVid-FLT-10M.pth, a file or
            `hub:ORG/NAME/FILE`; without it, they are random.
        size: size of the network; `tiny` is for dry runs.
        frames: rows of the temporal table, 8 in every published checkpoint.
        output: `clip` returns one token, the published embedding; `frames` one per frame, the
            mean of its patches; `patches` every patch. All pass the same norm and projection.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.

    Source: Wang et al., InternVid, ICLR 2024; OpenGVLab/InternVideo 3965eef,
    InternVideo1/Pretrain/ViCLIP.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.viclip.model import get_config, load_vision_tower
    from egoexobench_plugins.viclip.video_encoder import ViCLIPVideoEncoder

    tower = load_vision_tower(get_config(size, frames), weights and hub.resolve_weights(weights))
    tower.transformer.grad_checkpointing = checkpointing
    return ViCLIPVideoEncoder(tower, output, trained)


def viclip_text(
    *,
    weights: Path | None = None,
    size: Literal["base", "large", "tiny"] = "base",
    frames: int = 8,
    output: Literal["words", "text"] = "words",
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """CLIP's text tower with a context of 32 word pieces, projected to the shared space.

    A longer text is cut and keeps its end token.

    Args:
        weights: the checkpoint that `viclip` takes; without it, they are random.
        size: size of the network; `tiny` is for dry runs.
        frames: rows of the temporal table in the checkpoint.
        output: `text` returns one token, the published embedding at the end token; `words` one
            per word piece with the same norm and projection. The last one is the embedding.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.

    Source: that of `viclip`.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.viclip.model import get_config, load_text_tower
    from egoexobench_plugins.viclip.text_encoder import ViCLIPTextEncoder

    tower = load_text_tower(get_config(size, frames), weights and hub.resolve_weights(weights))
    tower.set_grad_checkpointing(checkpointing)
    return ViCLIPTextEncoder(tower, output, trained)
