"""Encoders `hf-text`, ...: models of transformers by name, as data of a table of families."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoders."""
    register("hf-text", hf_text, modality="text")


def hf_text(
    *,
    model: str,
    output: Literal["pooled", "tokens"] = "pooled",
    layer: int | None = None,
    trained: bool = False,
    checkpointing: bool = False,
) -> Encoder:
    """A text model of transformers by name, such as `sentence-transformers/all-MiniLM-L6-v2`.

    Args:
        model: a folder, `ORG/NAME@COMMIT` of the Hugging Face hub, or `ORG/NAME` if its commit is
            known ([encoders](docs/encoders.md)).
        output: `pooled` returns one token per text, its published vector; `tokens` every token.
        layer: number of the hidden state that is read: 0 is what enters the first block, -1 the
            last; without it, what the model returns. Its pooled vector is the mean of the tokens
            if the published one is computed from the last layer.
        trained: train it inside the method; otherwise it runs once, frozen.
        checkpointing: recompute blocks in the backward pass, which needs less memory.
    """
    from egoexobench_plugins.hub_encoders.load import load_pretrained
    from egoexobench_plugins.hub_encoders.text import HubTextEncoder

    pretrained = load_pretrained(model, "text", checkpointing=checkpointing)
    return HubTextEncoder(pretrained, output=output, layer=layer, trained=trained)
