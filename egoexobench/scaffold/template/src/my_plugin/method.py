"""Method `my-plugin-method`: which part plays each role."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from egoexobench import COMPACT_DEFAULTS, hookimpl
from egoexobench.method import select_scale

if TYPE_CHECKING:
    from egoexobench import Method, Register


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("my-plugin-method", create_method)


def create_method(scale: str, /, *, dim: int = 32) -> Method:
    """Frames and sound, trained with the narration.

    Args:
        dim: D of the embeddings.
    """
    # A role holds the name of a part, of this distribution or any other, with its options.
    # `egoexobench list` prints all names, and `egoexobench show method NAME` all roles.
    method = replace(
        COMPACT_DEFAULTS,
        name="my-plugin-method",
        video="color-grid",
        audio="logmel",
        video_fusion="sound-vision",
        anchor="narration",
        objective="info-nce",
        embed_dim=dim,
        epochs=4,
    )
    return select_scale(scale, {"compact": method})
