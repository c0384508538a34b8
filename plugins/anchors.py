"""Anchors: the targets of the two videos of a pair (SoundBridge, Table 6; EgoExo)."""

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
    """Register the anchors."""
    register("sound-text", sound_text)
    register("sound-caption", sound_caption)
    register("narration", narration)
    register("sound", sound)
    register("view-narration", view_narration)
    register("view-sound-text", view_sound_text)


def sound_text() -> Anchor:
    """The pair's sound-aware text f_st, eq. 10 (Table 6, "Sound-Text Module")."""
    return _PairAnchor(("sound_text",), "sound_text")


def sound_caption() -> Anchor:
    """The pair's sound caption alone, f_c (Table 6, "Sound Caption")."""
    return _PairAnchor(("sound_caption",), "sound_caption")


def narration() -> Anchor:
    """The pair's narration alone, f_t (Table 6, "Origin Caption")."""
    return _PairAnchor(("narration",), "narration")


def sound() -> Anchor:
    """Sum of the two clips' sound, f_a(ego) + f_a(exo) (paper, 5.5.3; Table 6, "Sound Feature").

    The paper writes sum(f_a(ego), f_a(exo)), where f_a is the output of the frozen audio encoder
    (eq. 6). It does not say how tokens become one vector of width D, or how long it is. Here f_a is
    the mean of the tokens after a trained linear map to D, scaled to unit length, so both views
    have the same weight in the sum. The sum is scaled to unit length again, which changes no
    cosine.

    Training uses no text, so text retrieval with this anchor is a control: f_st is not trained.
    """
    return _PairAnchor(("ego_sound", "exo_sound"), "sound_text")


def view_narration() -> Anchor:
    """Each clip's own narration: the implicit alignment of EgoExo."""
    return _ViewAnchor(("ego_narration", "exo_narration"), "narration")


def view_sound_text() -> Anchor:
    """Each clip's own sound-aware text, as in the training of SoundBridge's release."""
    return _ViewAnchor(("ego_sound_text", "exo_sound_text"), "sound_text")


@final
@dataclass(frozen=True, slots=True)
class _PairAnchor:
    """The sum of the inputs is the target of both clips of a pair."""

    required_inputs: tuple[AnchorInput, ...]
    eval_text: AnchorText

    def __call__(self, embeddings: Mapping[AnchorInput, Tensor]) -> tuple[Tensor, Tensor]:
        first, *rest = (embeddings[need] for need in self.required_inputs)
        target = sum(rest, first)
        return target, target


@final
@dataclass(frozen=True, slots=True)
class _ViewAnchor:
    """Each clip of a pair has its own input as target."""

    required_inputs: tuple[AnchorInput, AnchorInput]
    eval_text: AnchorText

    def __call__(self, embeddings: Mapping[AnchorInput, Tensor]) -> tuple[Tensor, Tensor]:
        ego, exo = self.required_inputs
        return embeddings[ego], embeddings[exo]
