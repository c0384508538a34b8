"""Method `egoinstructor`: EgoExoNCE, in which clips that share words are positives."""

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
    register("egoinstructor", egoinstructor)


def egoinstructor(scale: str, /) -> Method:
    """EgoInstructor's retriever (CVPR 2024): EgoExoNCE on each clip's own narration.

    Texts of clips that share a noun and a verb are positives as well, one aggregator for both
    views, no sound (Jazzcharles/Egoinstructor, commit 8492ba0, retrieval).
    """
    method = replace(
        COMPACT,
        name="egoinstructor",
        audio=None,
        anchor="view-narration",
        objective="ego-exo-nce",
        view_weights=False,
    )
    return pick(scale, {"compact": method})
