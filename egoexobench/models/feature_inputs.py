"""The features that a model is given, and the embeddings that it computes from them.

A text bank contains the narration of a pair under the id of the pair and the narration of a clip
under the id of the clip. A sound caption has the id of the narration from which it was written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from egoexobench.device import autocast
from egoexobench.features.batch_plan import MAX_BATCH_BYTES, SCORING_PLAN, BatchPlan
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.models.clip_times import ClipTimes
from egoexobench.models.dtw import AlignmentPath, warp_pair
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.part_results import find_targets_fault, require_valid
from egoexobench.protocols import Anchor, AnchorInput, AnchorText
from egoexobench.types import Clip, Embeddings, Pair, Tokens, View

_CLIP_TEXT: Mapping[AnchorInput, AnchorText] = {
    "ego_narration": "narration",
    "exo_narration": "narration",
    "ego_sound_text": "sound_text",
    "exo_sound_text": "sound_text",
}
"""The text of an anchor input that belongs to a clip and not to its pair."""
NO_SOUND_STATES = ("silent", "no_track")
"""States of a clip that a joint encoder embeds from its picture alone."""
EXTRA_PADDING = 3
"""Rows of padding that a padded plan adds to the longest item of a frozen encoder."""


@dataclass(frozen=True, slots=True)
class FeatureInputs:
    """A feature bank per role; None for a role that the method does not use.

    ``text_audio`` contains narrations, as ``narration`` does, from the encoder of that role.
    ``video_exo`` contains exo clips if they have their own encoder. ``joint`` contains the tokens
    of a joint encoder; if it is trained, the prepared frames, and ``joint_audio`` the prepared
    sounds. With ``is_transcribed`` ``caption`` contains what is said in clips, and may query videos
    in training, too. ``alignment_paths`` contains, by pair id, the path along which the two sounds
    of a training pair are read. ``clip_times`` contains, by clip id, when the tokens of a video
    are, for an objective that compares sequences.
    """

    video: FeatureBank | None
    audio: FeatureBank | None
    narration: FeatureBank | None
    caption: FeatureBank | None
    video_exo: FeatureBank | None = None
    is_transcribed: bool = False
    text_audio: FeatureBank | None = None
    joint: FeatureBank | None = None
    joint_audio: FeatureBank | None = None
    alignment_paths: Mapping[str, AlignmentPath] = field(default_factory=dict)
    clip_times: Mapping[str, ClipTimes] = field(default_factory=dict)

    def get_video_bank(self, view: View) -> FeatureBank | None:
        """The bank of the clips of a view."""
        if self.joint:
            return self.joint
        return self.video_exo if view == "exo" and self.video_exo else self.video

    @property
    def sound(self) -> FeatureBank | None:
        """The bank whose states are those of the sounds; None if no sound is read."""
        return self.audio or self.joint_audio or self.joint

    @property
    def without_sound(self) -> Mapping[str, str]:
        """State of the sound of each clip that has none, by id; empty if no sound is read."""
        bank = self.sound
        if bank is None:
            return {}
        return {
            name: state
            for name, state in zip(bank.index, bank.states, strict=True)
            if (not bank.has(name) if bank is self.audio else state in NO_SOUND_STATES)
        }


def embed_clips(
    model: EmbeddingModel,
    inputs: FeatureInputs,
    clips: Sequence[Clip],
    *,
    plan: BatchPlan = SCORING_PLAN,
) -> Embeddings:
    """Embed the videos of clips of both views; the rows have the order of the clips.

    No forward pass holds clips of both views, and each view has a seeded order of its own.
    """
    vectors: dict[str, Tensor] = {}
    for view in plan.views:
        ids = [clip.id for clip in clips if clip.view == view]
        for batch in plan.split(dict.fromkeys(ids), view):
            for part in _divide_batch(inputs.get_video_bank(view), batch):
                with inference_mode(model):
                    embedded = _embed_video_batch(model, inputs, part, view=view, plan=plan)
                    vectors.update(zip(part, embedded.float().cpu(), strict=True))
    names = tuple(clip.id for clip in clips)
    return Embeddings(names, torch.stack([vectors[name] for name in names]))


def embed_clip_frames(
    model: EmbeddingModel, inputs: FeatureInputs, clips: Sequence[Clip]
) -> list[NDArray[np.float32]]:
    """Embed the frames ``(T, D)`` of each clip, before any fusion; they are not normalized.

    They are what `embed_clips` takes the mean of, for a method without a fusion.
    """
    frames: dict[str, NDArray[np.float32]] = {}
    for view in SCORING_PLAN.views:
        ids = [clip.id for clip in clips if clip.view == view]
        for batch in SCORING_PLAN.split(dict.fromkeys(ids), view):
            for part in _divide_batch(inputs.get_video_bank(view), batch):
                with inference_mode(model):
                    video, _ = read_frames(model, inputs, part, view=view, plan=SCORING_PLAN)
                    tokens = model.list_frame_tokens(view, video)
                    values, mask = tokens.values.float().cpu().numpy(), tokens.mask.cpu().numpy()
                for name, rows, is_real in zip(part, values, mask, strict=True):
                    frames[name] = rows[is_real]
    return [frames[clip.id] for clip in clips]


def _divide_batch(bank: FeatureBank | None, batch: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield parts of a batch that take at most `MAX_BATCH_BYTES` when they are padded."""
    longest = max((len(bank.rows[bank.index[name]]) for name in batch), default=1) if bank else 1
    row_bytes = math.prod(bank.shape) * bank.dtype.itemsize if bank else 1
    size = max(MAX_BATCH_BYTES // (max(longest, 1) * row_bytes), 1)
    for start in range(0, len(batch), size):
        yield batch[start : start + size]


def embed_texts(
    model: EmbeddingModel,
    inputs: FeatureInputs,
    ids: Sequence[str],
    kind: AnchorText,
    *,
    plan: BatchPlan = SCORING_PLAN,
) -> Embeddings:
    """Embed texts by the id of their pair or clip, in a seeded order; rows are in that of ids."""
    vectors: dict[str, Tensor] = {}
    for batch in plan.split(dict.fromkeys(ids), "text"):
        with inference_mode(model):
            embedded = _embed_text_batch(model, inputs, batch, kind, plan=plan)
            vectors.update(zip(batch, embedded.float().cpu(), strict=True))
    return Embeddings(tuple(ids), torch.stack([vectors[name] for name in ids]))


class PairVectors(NamedTuple):
    """What a training step embeds: one row ``(D)`` a pair; anchor inputs by their name."""

    ego: Tensor
    exo: Tensor
    anchor_inputs: Mapping[AnchorInput, Tensor]


def embed_pairs(
    model: EmbeddingModel, inputs: FeatureInputs, pairs: Sequence[Pair], anchor: Anchor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Embed a training batch: ego videos, exo videos and the target of each, all ``(B, D)``."""
    vectors = embed_pair_rows(model, inputs, pairs, anchor.required_inputs)
    return (vectors.ego, vectors.exo, *compute_targets(model, vectors, anchor))


def embed_pair_rows(
    model: EmbeddingModel,
    inputs: FeatureInputs,
    pairs: Sequence[Pair],
    required_inputs: Sequence[AnchorInput],
) -> PairVectors:
    """Embed some pairs of a training batch, each from its own clips and texts alone."""
    ego_ids, exo_ids = [pair.ego.id for pair in pairs], [pair.exo.id for pair in pairs]
    ego_audio, exo_audio = _read_aligned_audio(model, inputs, pairs)
    ego = _fuse_video(model, inputs, ego_ids, view="ego", audio=ego_audio)
    exo = _fuse_video(model, inputs, exo_ids, view="exo", audio=exo_audio)
    anchor_inputs = {
        name: _embed_anchor_input(model, inputs, pairs, name) for name in required_inputs
    }
    return PairVectors(ego, exo, anchor_inputs)


def compute_targets(
    model: EmbeddingModel, vectors: PairVectors, anchor: Anchor
) -> tuple[Tensor, Tensor]:
    """Return the target of each ego and of each exo video of a batch, ``(B, D)`` of unit length.

    Raises:
        PartError: if the anchor returns something wrong.
    """
    targets = anchor(vectors.anchor_inputs)
    fault = find_targets_fault(targets, *vectors.ego.shape)
    require_valid(fault, model.labels["anchor"])
    ego_target, exo_target = targets
    return functional.normalize(ego_target, dim=-1), functional.normalize(exo_target, dim=-1)


def _embed_anchor_input(
    model: EmbeddingModel, inputs: FeatureInputs, pairs: Sequence[Pair], name: AnchorInput
) -> Tensor:
    match name:
        case "narration" | "sound_caption" | "sound_text":
            return _embed_text_batch(model, inputs, [pair.id for pair in pairs], name)
        case "ego_narration" | "ego_sound_text":
            ids = [pair.ego.id for pair in pairs]
            return _embed_text_batch(model, inputs, ids, _CLIP_TEXT[name])
        case "exo_narration" | "exo_sound_text":
            ids = [pair.exo.id for pair in pairs]
            return _embed_text_batch(model, inputs, ids, _CLIP_TEXT[name])
        case "ego_sound":
            return _embed_audio_batch(model, inputs, [pair.ego.id for pair in pairs])
        case "exo_sound":
            return _embed_audio_batch(model, inputs, [pair.exo.id for pair in pairs])


def _embed_video_batch(
    model: EmbeddingModel, inputs: FeatureInputs, ids: Sequence[str], *, view: View, plan: BatchPlan
) -> Tensor:
    return model.embed_video(view, *read_video_inputs(model, inputs, ids, view=view, plan=plan))


def read_video_inputs(
    model: EmbeddingModel, inputs: FeatureInputs, ids: Sequence[str], *, view: View, plan: BatchPlan
) -> tuple[Tokens | None, Tokens | None, Tokens | None]:
    """Return the frames, the sound and the sound captions of some clips of one view."""
    role, bank = ("audio", inputs.audio) if inputs.audio else ("joint", inputs.joint_audio)
    audio = _read_batch(model, role, bank, ids, plan=plan) if bank else None
    video, caption = read_frames(model, inputs, ids, view=view, plan=plan)
    return video, audio, caption


def _fuse_video(
    model: EmbeddingModel,
    inputs: FeatureInputs,
    ids: Sequence[str],
    *,
    view: View,
    audio: Tokens | None,
) -> Tensor:
    video, caption = read_frames(model, inputs, ids, view=view, plan=SCORING_PLAN)
    return model.embed_video(view, video, audio, caption)


def read_frames(
    model: EmbeddingModel, inputs: FeatureInputs, ids: Sequence[str], *, view: View, plan: BatchPlan
) -> tuple[Tokens | None, Tokens | None]:
    """Return the frames of clips, and their sound captions if a method scores with these."""
    bank, caption = inputs.get_video_bank(view), None
    has_query = inputs.is_transcribed or not model.training
    if model.method.video_query == "sound_caption" and has_query and inputs.caption:
        caption = _read_batch(model, "text", inputs.caption, ids, plan=plan)
    video = _read_batch(model, model.video_role[view], bank, ids, plan=plan) if bank else None
    return video, caption


def _read_batch(
    model: EmbeddingModel, role: str, bank: FeatureBank, ids: Sequence[str], *, plan: BatchPlan
) -> Tokens:
    """Return a batch of a bank; a padded plan makes it longer than the longest item of the bank.

    The input of a trained encoder gets no more than that length: a network may have a limit.
    """
    if not plan.is_padded:
        return model.to_device(bank.batch(ids))
    min_length = bank.max_length + (EXTRA_PADDING if model.frozen[role] else 0)
    return model.to_device(bank.batch(ids, min_length))


def _read_aligned_audio(
    model: EmbeddingModel, inputs: FeatureInputs, pairs: Sequence[Pair]
) -> tuple[Tokens | None, Tokens | None]:
    """Return the sounds of both clips of each pair, along the path of the pair if it has one."""
    bank = inputs.audio or inputs.joint_audio
    if bank is None:
        return None, None
    ego = bank.batch([pair.ego.id for pair in pairs])
    exo = bank.batch([pair.exo.id for pair in pairs])
    if inputs.alignment_paths:
        ego, exo = warp_pair(ego, exo, [inputs.alignment_paths.get(pair.id) for pair in pairs])
    return model.to_device(ego), model.to_device(exo)


def _embed_text_batch(
    model: EmbeddingModel,
    inputs: FeatureInputs,
    ids: Sequence[str],
    kind: AnchorText,
    *,
    plan: BatchPlan = SCORING_PLAN,
) -> Tensor:
    return model.embed_text(*read_text_inputs(model, inputs, ids, kind, plan=plan), kind)


def read_text_inputs(
    model: EmbeddingModel,
    inputs: FeatureInputs,
    ids: Sequence[str],
    kind: AnchorText,
    *,
    plan: BatchPlan,
) -> tuple[Tokens, Tokens | None]:
    """Return some narrations, and what queries them in the fusion if the kind of text uses it."""
    if inputs.narration is None:
        message = "the method has no text encoder"
        raise ValueError(message)
    bank = (inputs.text_audio or inputs.caption) if kind != "narration" else None
    query = _read_batch(model, model.text_query_role, bank, ids, plan=plan) if bank else None
    narration = _read_batch(model, "text", inputs.narration, ids, plan=plan)
    return narration, query


def _embed_audio_batch(model: EmbeddingModel, inputs: FeatureInputs, ids: Sequence[str]) -> Tensor:
    if inputs.audio is None:
        message = "the method has no audio encoder"
        raise ValueError(message)
    return model.embed_sound(model.to_device(inputs.audio.batch(ids)))


@contextmanager
def inference_mode(model: EmbeddingModel) -> Iterator[None]:
    """Evaluation mode without gradients inside; the previous mode after."""
    mode = model.training
    model.eval()
    with torch.inference_mode(), autocast(model.device_config):
        yield
    model.train(mode)
