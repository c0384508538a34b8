"""Method `soundbridge`: sound as the bridge between the views, as the paper writes it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench.method import COMPACT, Method, pick

if TYPE_CHECKING:
    from egoexobench.hookspecs import Register


@hookimpl
def register_methods(register: Register) -> None:
    """Bring the method."""
    register("soundbridge", soundbridge)


def soundbridge(scale: str, /, *, residual: Literal["query", "none"] = "query") -> Method:
    """SoundBridge (CVPR 2025), eqs. 1-12: sound-vision and sound-text cross-attention.

    Sound tokens query video tokens, sound-caption tokens query narration tokens, four heads each;
    both views are pulled to the sound-aware text at temperature 0.07 by two contrastive losses
    whose denominator runs over k != i as printed; video branches have view-dependent weights and
    the audio encoder is frozen.

    Args:
        residual: `query` adds the query tokens to the attention's output, as the released
            association model does; `none` is eq. 4 and eq. 10 as printed.
    """
    method = replace(
        COMPACT,
        name="soundbridge",
        captioner="rules",
        fuse_video=f"sound-vision:residual={residual}",
        fuse_text=f"sound-text:residual={residual}",
        anchor="sound-text",
        objective="info-nce",
    )
    return pick(scale, {"compact": method})
