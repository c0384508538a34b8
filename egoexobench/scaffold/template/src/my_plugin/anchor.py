"""Anchor `my-plugin-exo-sound`: the target of the videos of a pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, final

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Anchor, AnchorInput, AnchorText
    from torch import Tensor


@hookimpl
def register_anchors(register: Register) -> None:
    """Register the anchor."""
    register("my-plugin-exo-sound", exo_sound)


def exo_sound() -> Anchor:
    """The sound of the exo clip, for both clips of a pair."""
    return ExoSound()


@final
class ExoSound:
    """Reads exactly the embeddings that it declares."""

    # of: narration, sound_caption, sound_text, and with ego_ or exo_ before it, narration,
    # sound_text, sound
    required_inputs: tuple[AnchorInput, ...] = ("exo_sound",)
    eval_text: AnchorText = "narration"  # the embedding of a text that is searched with

    def __call__(self, embeddings: Mapping[AnchorInput, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the targets of the ego and of the exo videos, ``(B, D)`` each."""
        return embeddings["exo_sound"], embeddings["exo_sound"]
