"""Fusion `sound-text`: sound-caption tokens attend to narration tokens (SoundBridge, eqs. 9-10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Fusion


@hookimpl
def register_fusions(register: Register) -> None:
    """Register the fusion."""
    register("sound-text", sound_text)


def sound_text(
    width: int, /, *, heads: int = 4, residual: Literal["query", "none"] = "query"
) -> Fusion:
    """Sound-caption tokens as queries, narration tokens as keys and values (SoundBridge, eq. 10).

    Args:
        width: width D of the tokens.
        heads: attention heads (paper: 4).
        residual: `query` adds the caption tokens to the output of the attention; `none` is eq. 10
            as printed.
    """
    from egoexobench.toolbox.layers import CrossAttention

    return CrossAttention(width, heads, residual == "query")
