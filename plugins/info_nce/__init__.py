"""Objective `info-nce`: each video to its own target, against the other targets of the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Objective


@hookimpl
def register_objectives(register: Register) -> None:
    """Bring the objective."""
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
        temperature: tau; 0.07 in the paper.
        learn: train tau from there (the released code does; the paper does not say).
        denominator: `others` sums over k != i as printed; `all` is the usual softmax.
        symmetric: mean of video-to-target and target-to-video, as CLIP and EgoExo.
    """
    from egoexobench_plugins.info_nce.model import InfoNCE

    return InfoNCE(temperature, learn, denominator == "others", symmetric)
