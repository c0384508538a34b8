"""What a model is fed, and the embeddings it gives.

Text banks hold the narration of a pair under the pair's id and that of a clip under the clip's;
a sound caption stands under the id of the narration it was written from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from egoexobench.compute import mixed
from egoexobench.features.feature_bank import Bank
from egoexobench.interfaces import Anchor, AnchorNeed, AnchorText
from egoexobench.models.dtw import Path, warp
from egoexobench.models.embedding_model import Model
from egoexobench.values import VIEWS, Clip, Embeddings, Pair, Tokens, View

_OWN: Mapping[AnchorNeed, AnchorText] = {
    "ego_narration": "narration",
    "exo_narration": "narration",
    "ego_sound_text": "sound_text",
    "exo_sound_text": "sound_text",
}
"""Which text of a clip of its own is meant."""
BATCH = 256
"""Items per forward pass when embedding; results do not depend on it."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """A bank per role; None for what the method does not use.

    ``video_exo`` holds exo clips where they have an encoder of their own; ``paths`` the way along
    which the two sounds of a training pair are read, by pair id.
    """

    video: Bank | None
    audio: Bank | None
    narration: Bank | None
    caption: Bank | None
    video_exo: Bank | None = None
    paths: Mapping[str, Path] = field(default_factory=dict)

    def pictures(self, view: View) -> Bank | None:
        """The bank of the clips of a view."""
        return self.video_exo if view == "exo" and self.video_exo else self.video


def embed_clips(model: Model, inputs: Inputs, clips: Sequence[Clip]) -> Embeddings:
    """Embed the videos of clips of either view, rows in the order of the clips."""
    vectors: dict[str, Tensor] = {}
    for view in VIEWS:
        ids = [clip.id for clip in clips if clip.view == view]
        for batch in _batches(ids):
            with _frozen(model):
                found = _videos(model, inputs, view, batch, _sound(model, inputs, batch))
                vectors.update(zip(batch, found.float().cpu(), strict=True))
    names = tuple(clip.id for clip in clips)
    return Embeddings(names, torch.stack([vectors[name] for name in names]))


def embed_texts(model: Model, inputs: Inputs, ids: Sequence[str], kind: AnchorText) -> Embeddings:
    """Embed texts by id of their pair or clip, as the method's anchor does."""
    parts = []
    for batch in _batches(ids):
        with _frozen(model):
            parts.append(_texts(model, inputs, batch, kind).float().cpu())
    return Embeddings(tuple(ids), torch.cat(parts))


def embed_pairs(
    model: Model, inputs: Inputs, pairs: Sequence[Pair], anchor: Anchor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Embed a training batch: ego and exo videos and their targets, each ``(B, D)``."""
    sounds = _aligned(model, inputs, pairs)
    ego = _videos(model, inputs, "ego", [pair.ego.id for pair in pairs], sounds[0])
    exo = _videos(model, inputs, "exo", [pair.exo.id for pair in pairs], sounds[1])
    needed = {need: _need(model, inputs, pairs, need) for need in anchor.needs}
    ego_target, exo_target = anchor(needed)
    return (
        ego,
        exo,
        functional.normalize(ego_target, dim=-1),
        functional.normalize(exo_target, dim=-1),
    )


def _need(model: Model, inputs: Inputs, pairs: Sequence[Pair], need: AnchorNeed) -> Tensor:
    match need:
        case "narration" | "sound_caption" | "sound_text":
            return _texts(model, inputs, [pair.id for pair in pairs], need)
        case "ego_narration" | "ego_sound_text":
            return _texts(model, inputs, [pair.ego.id for pair in pairs], _OWN[need])
        case "exo_narration" | "exo_sound_text":
            return _texts(model, inputs, [pair.exo.id for pair in pairs], _OWN[need])
        case "ego_sound":
            return _sounds(model, inputs, [pair.ego.id for pair in pairs])
        case "exo_sound":
            return _sounds(model, inputs, [pair.exo.id for pair in pairs])


def _videos(
    model: Model, inputs: Inputs, view: View, ids: Sequence[str], sound: Tokens | None
) -> Tensor:
    bank, caption = inputs.pictures(view), None
    if model.method.video_query == "sound_caption" and not model.training and inputs.caption:
        caption = model.place(inputs.caption.batch(ids))
    video = model.place(bank.batch(ids)) if bank else None
    return model.embed_video(view, video, sound, caption)


def _sound(model: Model, inputs: Inputs, ids: Sequence[str]) -> Tokens | None:
    return model.place(inputs.audio.batch(ids)) if inputs.audio else None


def _aligned(
    model: Model, inputs: Inputs, pairs: Sequence[Pair]
) -> tuple[Tokens | None, Tokens | None]:
    """The sounds of both clips of each pair, read along the pair's path where there is one."""
    if inputs.audio is None:
        return None, None
    ego = inputs.audio.batch([pair.ego.id for pair in pairs])
    exo = inputs.audio.batch([pair.exo.id for pair in pairs])
    if inputs.paths:
        ego, exo = warp(ego, exo, [inputs.paths.get(pair.id) for pair in pairs])
    return model.place(ego), model.place(exo)


def _texts(model: Model, inputs: Inputs, ids: Sequence[str], kind: AnchorText) -> Tensor:
    if inputs.narration is None:
        message = "the method has no text encoder"
        raise ValueError(message)
    heard = inputs.caption if kind != "narration" else None
    caption = model.place(heard.batch(ids)) if heard else None
    return model.embed_text(model.place(inputs.narration.batch(ids)), caption, kind)


def _sounds(model: Model, inputs: Inputs, ids: Sequence[str]) -> Tensor:
    if inputs.audio is None:
        message = "the method has no audio encoder"
        raise ValueError(message)
    return model.embed_sound(model.place(inputs.audio.batch(ids)))


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


@contextmanager
def _frozen(model: Model) -> Iterator[None]:
    """Evaluation mode and no gradients inside; the mode as it was after."""
    mode = model.training
    model.eval()
    with torch.inference_mode(), mixed(model.compute):
        yield
    model.train(mode)
