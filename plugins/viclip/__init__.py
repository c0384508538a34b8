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
    """Bring both encoders."""
    register("viclip", viclip)
    register("viclip-text", viclip_text)


def viclip(
    *,
    weights: Path | None = None,
    size: Literal["base", "large", "tiny"] = "base",
    frames: int = 8,
    output: Literal["clip", "frames", "patches"] = "frames",
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """CLIP's picture tower over all patches of all frames at once, projected to the shared space.

    A clip has exactly `frames` pictures, or one, which gets the mean of the temporal table. No
    token is masked, which the release does in training only.

    Args:
        weights: a published checkpoint, such as ViCLIP-B_InternVid-FLT-10M.pth, a file or
            `hub:ORG/NAME/FILE`; none is random.
        size: of the network; `tiny` is for dry runs.
        frames: rows of the temporal table, 8 in every published checkpoint.
        output: `clip` is one token, the published embedding; `frames` is one a frame, the mean of
            its patches, and `patches` every one, both normed and projected like the embedding.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: compute blocks again in the backward pass and keep less in memory.

    Source: Wang et al., InternVid, ICLR 2024; OpenGVLab/InternVideo 3965eef,
    InternVideo1/Pretrain/ViCLIP.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.viclip.model import sized, vision
    from egoexobench_plugins.viclip.video_encoder import Video

    tower = vision(sized(size, frames), weights and hub.resolve_weights(weights))
    tower.transformer.grad_checkpointing = checkpointing
    return Video(tower, output, trained)


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

    A longer text is cut, and ends with the end token as every text does.

    Args:
        weights: the checkpoint that `viclip` takes; none is random.
        size: of the network; `tiny` is for dry runs.
        frames: rows of the temporal table that the checkpoint has beside its text tower.
        output: `text` is one token, the published embedding at the end token; `words` is one a
            word piece, normed and projected alike, and the last of them is the embedding.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: compute blocks again in the backward pass and keep less in memory.

    Source: as `viclip`.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.viclip.model import sized, text
    from egoexobench_plugins.viclip.text_encoder import Text

    tower = text(sized(size, frames), weights and hub.resolve_weights(weights))
    tower.set_grad_checkpointing(checkpointing)
    return Text(tower, output, trained)
