"""Fusion `sound-vision`: sound tokens attend to video tokens (SoundBridge, eqs. 1-8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Fusion


@hookimpl
def register_fusions(register: Register) -> None:
    """Bring the fusion."""
    register("sound-vision", sound_vision)


def sound_vision(
    width: int, /, *, heads: int = 4, residual: Literal["query", "none"] = "query"
) -> Fusion:
    """Sound tokens as queries, video tokens as keys and values (SoundBridge, eq. 4).

    Args:
        width: D of the tokens.
        heads: attention heads (paper: 4).
        residual: `query` adds the sound tokens to what they attended to, which is what the
            released association model computes; `none` is eq. 4 as printed, in which sound can
            only re-weight video tokens.
    """
    from egoexobench.toolbox.layers import CrossAttention

    return CrossAttention(width, heads, residual == "query")
