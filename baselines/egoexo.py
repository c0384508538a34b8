"""Method `egoexo`: each view to its own narration, no sound."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from egoexobench import hookimpl
from egoexobench.method import COMPACT, Method, pick

if TYPE_CHECKING:
    from egoexobench.hookspecs import Register


@hookimpl
def register_methods(register: Register) -> None:
    """Bring the method."""
    register("egoexo", egoexo)


def egoexo(scale: str, /) -> Method:
    """EgoExo, the baseline of EgoExoLearn (CVPR 2024): each view to its own narration.

    One encoder for both views, the symmetric CLIP loss with a learnt temperature, no sound
    (OpenGVLab/EgoExoLearn, commit e1f11b1, association_benchmark).
    """
    method = replace(
        COMPACT,
        name="egoexo",
        audio=None,
        anchor="view-narration",
        objective="info-nce:denominator=all,symmetric=true,learn=true",
        view_weights=False,
    )
    return pick(scale, {"compact": method})
