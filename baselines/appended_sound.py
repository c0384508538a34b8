"""Methods `av-concat` and `av-gated`: sound is appended to video, without attention."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale, use_pretrained
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench import Register

_SOUNDBRIDGE_WITHOUT_FUSION = replace(
    COMPACT_DEFAULTS,
    captioner="rules",
    text_fusion="sound-text:residual=query",
    anchor="sound-text",
    objective="info-nce",
)
"""Text side, anchor, loss and schedule of SoundBridge, so that only the fusion differs."""


@hookimpl
def register_methods(register: Register) -> None:
    """Register the methods."""
    register("av-concat", av_concat)
    register("av-gated", av_gated)


def av_concat(scale: str, /, *, normalize: bool = False) -> Method:
    """SoundBridge with a linear map of both means in place of its attention to video.

    Its video fusion is `concat`; nothing else differs from `soundbridge`. No paper publishes it: it
    shows what attention adds to sound that is only appended.

    Args:
        normalize: scale the means of sound and video to unit length first.
    """
    method = _build_method("av-concat", "concat", normalize)
    return select_scale(scale, {"compact": method, "pretrained": use_pretrained(method)})


def av_gated(
    scale: str, /, *, gate: Literal["features", "residual"] = "features", normalize: bool = False
) -> Method:
    """SoundBridge with a gate between both means in place of its attention to video.

    Its video fusion is `gated` or `gated-residual`; nothing else differs from `soundbridge`. No
    paper publishes it: it shows what attention adds to sound that is only mixed in.

    Args:
        gate: `features` mixes each feature (`gated`); `residual` adds what the video finds in the
            sound, weighted by one number (`gated-residual`).
        normalize: scale what is mixed to unit length first.
    """
    method = _build_method("av-gated", {"features": "gated"}.get(gate, "gated-residual"), normalize)
    return select_scale(scale, {"compact": method, "pretrained": use_pretrained(method)})


def _build_method(name: str, fusion: str, normalize: bool) -> Method:
    options = {"normalize": True} if normalize else {}
    video_fusion = str(Spec(fusion).add_options(options))
    return replace(_SOUNDBRIDGE_WITHOUT_FUSION, name=name, video_fusion=video_fusion)
