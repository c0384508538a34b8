"""Fusion `sound-vision`: sound tokens attend to video tokens (SoundBridge, eqs. 1-8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Fusion


@hookimpl
def register_fusions(register: Register) -> None:
    """Register the fusion."""
    register("sound-vision", sound_vision)


def sound_vision(
    width: int, /, *, heads: int = 4, residual: Literal["query", "none"] = "query"
) -> Fusion:
    """Sound tokens as queries, video tokens as keys and values (SoundBridge, eq. 4).

    Args:
        width: width D of the tokens.
        heads: attention heads (paper: 4).
        residual: `query` adds the sound tokens to the output of the attention, as the released
            association model does; `none` is eq. 4 as printed, where sound can only change the
            weights of video tokens.
    """
    from egoexobench.toolbox.layers import CrossAttention

    return CrossAttention(width, heads, residual == "query")
