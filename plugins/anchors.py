"""Anchors: what the two videos of a pair are pulled to (SoundBridge, Table 6; EgoExo)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from egoexobench import hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from egoexobench import Register
    from egoexobench.protocols import Anchor, AnchorInput, AnchorText


@hookimpl
def register_anchors(register: Register) -> None:
    """Bring the anchors."""
    for factory in (sound_text, sound_caption, narration, sound, view_narration, view_sound_text):
        register(factory.__name__.replace("_", "-"), factory)


def sound_text() -> Anchor:
    """The pair's sound-aware text f_st, eq. 10 (Table 6, "Sound-Text Module")."""
    return _Shared(("sound_text",), "sound_text")


def sound_caption() -> Anchor:
    """The pair's sound caption alone, f_c (Table 6, "Sound Caption")."""
    return _Shared(("sound_caption",), "sound_caption")


def narration() -> Anchor:
    """The pair's narration alone, f_t (Table 6, "Origin Caption")."""
    return _Shared(("narration",), "narration")


def sound() -> Anchor:
    """Sum of the two clips' sound, f_a(ego) + f_a(exo) (Table 6, "Sound Feature").

    No text takes part in training, so text retrieval with it is a control: f_st is not trained.
    """
    return _Shared(("ego_sound", "exo_sound"), "sound_text")


def view_narration() -> Anchor:
    """Each clip's own narration: the implicit alignment of EgoExo."""
    return _Own(("ego_narration", "exo_narration"), "narration")


def view_sound_text() -> Anchor:
    """Each clip's own sound-aware text: what SoundBridge's release trains with."""
    return _Own(("ego_sound_text", "exo_sound_text"), "sound_text")


@final
@dataclass(frozen=True, slots=True)
class _Shared:
    required_inputs: tuple[AnchorInput, ...]
    eval_text: AnchorText

    def __call__(self, embeddings: Mapping[AnchorInput, Tensor]) -> tuple[Tensor, Tensor]:
        first, *rest = (embeddings[need] for need in self.required_inputs)
        target = sum(rest, first)
        return target, target


@final
@dataclass(frozen=True, slots=True)
class _Own:
    required_inputs: tuple[AnchorInput, AnchorInput]
    eval_text: AnchorText

    def __call__(self, embeddings: Mapping[AnchorInput, Tensor]) -> tuple[Tensor, Tensor]:
        ego, exo = self.required_inputs
        return embeddings[ego], embeddings[exo]
