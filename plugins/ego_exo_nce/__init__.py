"""Objective `ego-exo-nce`: EgoInstructor's loss, in which clips that share words are positives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Objective


@hookimpl
def register_objectives(register: Register) -> None:
    """Bring the objective."""
    register("ego-exo-nce", ego_exo_nce)


def ego_exo_nce(*, temperature: float = 0.07, learn: bool = True) -> Objective:
    """EgoExoNCE: texts of clips that share a noun and a verb are positives as well.

    Args:
        temperature: start of tau (released: 0.07).
        learn: train tau from there, as released.

    Source: Jazzcharles/Egoinstructor, commit 8492ba0, retrieval/models/loss.py.
    """
    from egoexobench_plugins.ego_exo_nce.model import EgoExoNCE

    return EgoExoNCE(temperature, learn)
