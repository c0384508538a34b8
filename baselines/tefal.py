"""Method `tefal`: a text attends to frames and to sound, each for itself (TEFAL)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from egoexobench import hookimpl
from egoexobench.method import COMPACT_DEFAULTS, Method, select_scale, use_pretrained

if TYPE_CHECKING:
    from egoexobench import Register

_PROVENANCE = {
    "video_fusion": "unknown: chosen here, the sum of both means, as the scorer adds what it pools",
    "anchor": "the narration of the pair: the paper's texts have no sound captions",
    "objective": "the symmetric loss with a learned temperature of CLIP and X-Pool "
    "(layer6ai-labs/xpool bc88718)",
    "share_view_weights": "one encoder reads all videos",
    "scorer": "arXiv:2307.12964, first page: two independent attentions of the text, to frames and "
    "to sound; their block is that of layer6ai-labs/xpool bc88718. Unknown: how the two vectors "
    "are joined (here added), and how long and how fast it is trained on tokens that do not change",
}


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("tefal", tefal)


def tefal(scale: str, /) -> Method:
    """TEFAL (ICCV 2023): the text decides which frames and which sounds of a video count.

    It is trained in two stages. First frames and sound are embedded for themselves, as the sum of
    their means, and pulled to the narration. Then the scorer `tefal` is trained on the tokens. On
    the synthetic data it does not reach the order of the embeddings that it starts from
    (docs/decisions/0051). It orders the candidates of t2v and v2t (`mcq20`, `rerank@100`). A video
    has no vector of its own in TEFAL, so that nothing of it can rank eg2ex and ex2eg: there the
    embeddings of the first stage do, and the record says so.

    Differences from the paper, which has no public code: all encoders are frozen; text and video
    are not trained together with the attention; sound is that of the scale's encoder.
    """
    method = replace(
        COMPACT_DEFAULTS,
        name="tefal",
        video_fusion="sum",
        anchor="narration",
        objective="info-nce:denominator=all,symmetric=true,learn=true",
        scorer="tefal",
        share_view_weights=True,
    )
    pretrained = use_pretrained(method)
    pretrained = replace(pretrained, provenance={**pretrained.provenance, **_PROVENANCE})
    return select_scale(scale, {"compact": method, "pretrained": pretrained})
