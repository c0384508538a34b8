"""Fusions `concat`, `sum`, `gated` and `gated-residual`: one vector of sound joins one of video.

Sound appended to video is what audio-visual systems did before attention: MAiVAR (Shaikh et al.,
Neural Computing and Applications 2024, doi:10.1007/s00521-023-09186-5) joins the features of both
at a high level to recognize actions. The exact sizes of its layers were not read, so that these
are the plain forms of the idea, with the numbers of weights below and nothing else.

The query is the sound and the context the video. ``v`` and ``a`` are the means of the tokens
``(B, D)``, of unit length with ``normalize=true``: without it, the louder of the two decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl
from egoexobench.errors import UsageError

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Fusion


@hookimpl
def register_fusions(register: Register) -> None:
    """Register the fusions."""
    register("concat", concat)
    register("sum", sum_means)
    register("gated", gated)
    register("gated-residual", gated_residual)


def concat(width: int, /, *, normalize: bool = False) -> Fusion:
    """A linear map of the mean of video beside the mean of sound: ``W [v; a] + b``.

    It has 2 D * D + D weights. A clip without sound has zeros in place of ``a``.

    Args:
        width: width D of the tokens.
        normalize: scale both means to unit length first.
    """
    from egoexobench_plugins.audio_visual_fusions.model import ConcatFusion

    return ConcatFusion(width, normalize)


def sum_means(
    width: int, /, *, weight: float | None = None, learn: bool = False, normalize: bool = False
) -> Fusion:
    """The mean of video plus the mean of sound: ``v + a``, or ``w v + (1 - w) a``.

    It has no weights, and one with `learn`. A clip without sound is ``v``.

    Args:
        width: width D of the tokens, any.
        weight: w, the share of the video from 0 to 1; `none` is the plain sum.
        learn: train w, which starts at `weight`, or at one half.
        normalize: scale both means to unit length first.
    """
    del width
    if weight is not None and not 0 <= weight <= 1:
        raise UsageError(f"weight={weight:g} is invalid for fusion 'sum': must be from 0 to 1")
    from egoexobench_plugins.audio_visual_fusions.model import SumFusion

    return SumFusion(weight, learn=learn, normalize=normalize)


def gated(width: int, /, *, normalize: bool = False) -> Fusion:
    """A gate for each feature: ``g v + (1 - g) a`` with ``g = sigmoid(W [v; a] + b)``.

    It has 2 D * D + D weights. A clip without sound is ``v``.

    Args:
        width: width D of the tokens.
        normalize: scale both means to unit length first.
    """
    from egoexobench_plugins.audio_visual_fusions.model import GatedFusion

    return GatedFusion(width, normalize)


def gated_residual(width: int, /, *, heads: int = 4, normalize: bool = False) -> Fusion:
    """The mean of video plus what it finds in the sound: ``v + tanh(alpha) MHA(v, a, a)``.

    ``v`` asks and the tokens of the sound answer. alpha starts at 0, so that a fusion starts as the
    mean of the video. It has 4 D * D + 1 weights, without biases. A clip without sound is ``v``.

    The idea is AVIGATE's (CVPR 2025, arXiv:2504.02397), a gate that leaves sound out where it does
    not help. The form was inferred, because the paper's equations were not read: there the gate is
    computed from the clip, and here it is one trained number.

    Args:
        width: width D of the tokens.
        heads: attention heads.
        normalize: scale the mean of the video and the answer to unit length first.
    """
    from egoexobench_plugins.audio_visual_fusions.model import GatedResidualFusion

    return GatedResidualFusion(width, heads, normalize)
