"""Objective `info-nce`: each video against the targets of the batch; its own is the positive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Objective


@hookimpl
def register_objectives(register: Register) -> None:
    """Register the objective."""
    register("info-nce", info_nce)


def info_nce(
    *,
    temperature: float = 0.07,
    learn: bool = False,
    denominator: Literal["others", "all"] = "others",
    symmetric: bool = False,
) -> Objective:
    """Sum of the two contrastive losses of SoundBridge, eqs. 11-12, one per view.

    Args:
        temperature: temperature tau (paper: 0.07).
        learn: whether tau is trained (the released code trains it; the paper does not say).
        denominator: `others` sums over k != i as printed; `all` is the usual softmax.
        symmetric: mean of video-to-target and target-to-video, as in CLIP and EgoExo.
    """
    from egoexobench_plugins.info_nce.model import InfoNCE

    return InfoNCE(
        temperature, learn, exclude_positive=denominator == "others", symmetric=symmetric
    )
