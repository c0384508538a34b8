"""What a model is fed, and the embeddings it gives.

Text banks hold the narration of a pair under the pair's id and that of a clip under the clip's;
a sound caption stands under the id of the narration it was written from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from egoexobench.encode.bank import Bank
from egoexobench.fuse.model import Model
from egoexobench.interfaces import Anchor, AnchorNeed, AnchorText
from egoexobench.values import VIEWS, Clip, Embeddings, Pair, View

BATCH = 256
"""Items per forward pass when embedding; results do not depend on it."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """A bank per role; None for what the method does not use."""

    video: Bank | None
    audio: Bank | None
    narration: Bank | None
    caption: Bank | None


def embed_clips(model: Model, inputs: Inputs, clips: Sequence[Clip]) -> Embeddings:
    """Embed the videos of clips of either view, rows in the order of the clips."""
    vectors: dict[str, Tensor] = {}
    for view in VIEWS:
        ids = [clip.id for clip in clips if clip.view == view]
        for batch in _batches(ids):
            with _frozen(model):
                vectors.update(zip(batch, _videos(model, inputs, view, batch), strict=True))
    names = tuple(clip.id for clip in clips)
    return Embeddings(names, torch.stack([vectors[name] for name in names]))


def embed_texts(model: Model, inputs: Inputs, ids: Sequence[str], kind: AnchorText) -> Embeddings:
    """Embed texts by id of their pair or clip, as the method's anchor does."""
    parts = []
    for batch in _batches(ids):
        with _frozen(model):
            parts.append(_texts(model, inputs, batch, kind))
    return Embeddings(tuple(ids), torch.cat(parts))


def embed_pairs(
    model: Model, inputs: Inputs, pairs: Sequence[Pair], anchor: Anchor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Embed a training batch: ego and exo videos and their targets, each ``(B, D)``."""
    ego = _videos(model, inputs, "ego", [pair.ego.id for pair in pairs])
    exo = _videos(model, inputs, "exo", [pair.exo.id for pair in pairs])
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
        case "ego_narration":
            return _texts(model, inputs, [pair.ego.id for pair in pairs], "narration")
        case "exo_narration":
            return _texts(model, inputs, [pair.exo.id for pair in pairs], "narration")
        case "ego_sound":
            return _sounds(model, inputs, [pair.ego.id for pair in pairs])
        case "exo_sound":
            return _sounds(model, inputs, [pair.exo.id for pair in pairs])


def _videos(model: Model, inputs: Inputs, view: View, ids: Sequence[str]) -> Tensor:
    video = inputs.video.batch(ids) if inputs.video else None
    audio = inputs.audio.batch(ids) if inputs.audio else None
    return model.embed_video(view, video, audio)


def _texts(model: Model, inputs: Inputs, ids: Sequence[str], kind: AnchorText) -> Tensor:
    if inputs.narration is None:
        message = "the method has no text encoder"
        raise ValueError(message)
    caption = inputs.caption.batch(ids) if inputs.caption and kind != "narration" else None
    return model.embed_text(inputs.narration.batch(ids), caption, kind)


def _sounds(model: Model, inputs: Inputs, ids: Sequence[str]) -> Tensor:
    if inputs.audio is None:
        message = "the method has no audio encoder"
        raise ValueError(message)
    return model.embed_sound(inputs.audio.batch(ids))


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


@contextmanager
def _frozen(model: Model) -> Iterator[None]:
    """Evaluation mode and no gradients inside; the mode as it was after."""
    mode = model.training
    model.eval()
    with torch.inference_mode():
        yield
    model.train(mode)
