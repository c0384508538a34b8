"""Method `logmel-neighbor`: nearest neighbor on log-mel features, without training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from egoexobench import hookimpl
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench import Register


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("logmel-neighbor", logmel_neighbor, aliases=("logmel-neighbour",))


def logmel_neighbor(scale: str, /, *, tokens: int = 20) -> Method:
    """Cosine similarity of log-mel sequences, without any training.

    It has no text side, so it has no score in text retrieval. A method with lower scores has
    learned nothing about sound.

    Args:
        tokens: length of the sequence; 20 tokens of 0.2 s are a clip of the synthetic set.
    """
    method = replace(
        COMPACT_DEFAULTS,
        name="logmel-neighbor",
        video=None,
        text=None,
        video_fusion=str(Spec("concat-tokens", {"tokens": str(tokens)})),
        share_view_weights=True,
    )
    return select_scale(scale, {"compact": method})
