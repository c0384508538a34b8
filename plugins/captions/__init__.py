"""Captioners: what a scene sounds like, written from its narration (SoundBridge, 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench.hookspecs import Register
    from egoexobench.interfaces import Captioner


@hookimpl
def register_captioners(register: Register) -> None:
    """Bring the captioners."""
    register("rules", rules)


def rules() -> Captioner:
    """Captions by a lexicon from verb and noun to `[source] (effect)`; no model, no network.

    A narration is read clause by clause; a clause gives a caption where it holds one of the verbs
    of EgoExoLearn's action benchmark in any of its usual forms. A narration without any gives
    `[person] (movement)`.
    """
    from egoexobench_plugins.captions.lexicon import Rules

    return Rules()
