"""Method `a2summ`: one attention over the tokens of video and sound (A2Summ)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale, use_pretrained
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench import Register

_REPOSITORY = "boheumd/A2Summ 5c7dcea"
_PROVENANCE = {
    "video_fusion": f"{_REPOSITORY}: joint attention of both sides, 8 heads, all layers one layer. "
    "Chosen here: the mean of the class tokens as embedding, and 2 of the 2 to 6 released layers",
    "anchor": "unknown: chosen here, the narration of the pair",
    "objective": f"{_REPOSITORY}: the loss between samples, symmetric with a learned temperature "
    "from 0.07; there between the class tokens of a video and of its transcript, here between a "
    "clip and its narration",
    "share_view_weights": "one network reads all videos",
}


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("a2summ", a2summ)


def a2summ(
    scale: str,
    /,
    *,
    layers: Literal["shared", "own"] = "shared",
    output: Literal["both", "video"] = "both",
    transcripts: str | None = None,
) -> Method:
    """A2Summ (CVPR 2023) as an embedding: joint attention of video and sound, with class tokens.

    A2Summ summarizes a video and its transcript; it was never used to associate views, and that its
    class tokens embed a clip is our choice. Sound tokens stand in for the sentences of the
    transcript. Of its losses, the one between samples is the objective here, between a clip and
    its narration. Its extractive losses need labels of key frames, which no data set here has;
    golden tests compare them, and nothing trains with them.

    Args:
        layers: `shared` gives all layers the same weights, as the release does; `own` does not.
        output: `both` embeds a clip as the mean of both class tokens, `video` as that of the video.
        transcripts: model of captioner `asr`: the tokens of what is said in a clip then take the
            place of its sound tokens, as in A2Summ. Texts are embedded from the narration alone.
    """
    options = {"layers": layers, "output": output}
    changed = {name: value for name, value in options.items() if value not in ("shared", "both")}
    method = replace(
        COMPACT_DEFAULTS,
        name="a2summ",
        video_fusion=str(Spec("a2summ").add_options(changed)),
        anchor="narration",
        objective="info-nce:denominator=all,symmetric=true,learn=true",
        share_view_weights=True,
    )
    if transcripts:
        method = replace(
            method,
            audio=None,
            captioner=str(Spec("asr", {"model": transcripts})),
            video_query="sound_caption",
        )
    pretrained = use_pretrained(method)
    pretrained = replace(pretrained, provenance={**pretrained.provenance, **_PROVENANCE})
    return select_scale(scale, {"compact": method, "pretrained": pretrained})
