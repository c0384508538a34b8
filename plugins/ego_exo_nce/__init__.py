"""Objective `ego-exo-nce`: EgoInstructor's loss, where clips that share words are positives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Objective


@hookimpl
def register_objectives(register: Register) -> None:
    """Register the objective."""
    register("ego-exo-nce", ego_exo_nce)


def ego_exo_nce(*, temperature: float = 0.07, learn: bool = True) -> Objective:
    """EgoExoNCE: texts of clips that share a noun and a verb are positives as well.

    Args:
        temperature: start value of the temperature tau (released: 0.07).
        learn: whether tau is trained, as released.

    Source: Jazzcharles/Egoinstructor, commit 8492ba0, retrieval/models/loss.py.
    """
    from egoexobench_plugins.ego_exo_nce.model import EgoExoNCE

    return EgoExoNCE(temperature, learn)
