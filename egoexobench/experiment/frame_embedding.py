"""Embeds the frames of a split whose phases are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.frame_labels import find_label_fault, find_phases
from egoexobench.errors import DataError, UsageError
from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.frame_embeddings import FrameEmbeddings
from egoexobench.experiment.build import MethodParts
from egoexobench.experiment.clip_times import read_clip_times
from egoexobench.experiment.inputs import PreparedDataset
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import embed_clip_frames
from egoexobench.protocols import Dataset, HasFrameLabels, HasTokenTimes
from egoexobench.types import Clip, FrameLabels, Split

Vectors = NDArray[np.float32]
VIDEO_ROLES = ("video", "video_exo")
"""Roles of the encoders whose tokens are frames."""


def explain_no_frames(parts: MethodParts, dataset: Dataset, name: str) -> str | None:
    """Return why the frames of a data set cannot be scored with a method; None if they can."""
    if not isinstance(dataset, HasFrameLabels):
        return f"{name} does not say the phases of frames"
    runners = [parts.encoders[role] for role in VIDEO_ROLES if role in parts.encoders]
    if not runners:
        return "the method has no video encoder, which gives tokens of frames"
    for runner in runners:
        if not isinstance(runner.encoder, HasTokenTimes):
            return f"{runner.label} does not say which frame each of its tokens is"
        try:
            runner.encoder.get_token_times(np.arange(float(parts.method.num_frames)))
        except (UsageError, DataError) as error:
            return f"{runner.label}: {error}"
    return None


class LabeledClips(NamedTuple):
    """Clips of a split whose frames have phases, and the times of their tokens, s of the file."""

    labels: Sequence[FrameLabels]
    clips: Sequence[Clip]
    times: Sequence[Floats]


def embed_split_frames(
    model: EmbeddingModel, parts: MethodParts, prepared: PreparedDataset, split: Split
) -> FrameEmbeddings:
    """Return the frames of a split, in the order of its labels.

    The data set has labels: `explain_no_frames` gives no reason against it.

    Raises:
        DataError: for labels that are not those of a clip.
    """
    return embed_labeled_clips(model, parts, prepared, read_labeled_clips(parts, prepared, split))


def read_labeled_clips(parts: MethodParts, prepared: PreparedDataset, split: Split) -> LabeledClips:
    """Return the clips that can be used and have labels.

    Raises:
        DataError: for labels that are not those of a clip.
    """
    dataset, inputs = prepared.dataset, prepared.inputs
    assert isinstance(dataset, HasFrameLabels)  # noqa: S101 - there would be a reason
    clips = {clip.id: clip for clip in inputs.clips[split]}
    labels = [item for item in dataset.list_frame_labels(split) if item.clip_id in clips]
    num_phases = len(dataset.phase_names)
    for item in labels:
        if fault := find_label_fault(item, num_phases):
            raise DataError(f"clip {item.clip_id} of {prepared.record.name} {fault}")
    labeled = [clips[item.clip_id] for item in labels]
    return LabeledClips(labels, labeled, _read_token_times(parts, labeled))


def embed_labeled_clips(
    model: EmbeddingModel, parts: MethodParts, prepared: PreparedDataset, labeled: LabeledClips
) -> FrameEmbeddings:
    """Return the frames of some clips, in their order."""
    vectors = embed_clip_frames(model, prepared.inputs.features, labeled.clips)
    _check_counts(parts, vectors, labeled.times)
    return _join_clips(labeled, vectors, dim=_get_dim(parts))


def _read_token_times(parts: MethodParts, clips: Sequence[Clip]) -> list[Floats]:
    """Return when the tokens of each clip are, s of the media file."""
    times = read_clip_times(parts.method, parts.encoders, clips)
    return [times[clip.id].tokens + clip.start for clip in clips]


def _check_counts(parts: MethodParts, vectors: Sequence[Vectors], times: Sequence[Floats]) -> None:
    for rows, of_clip in zip(vectors, times, strict=True):
        if len(rows) != len(of_clip):
            label = parts.encoders["video"].label
            raise DataError(f"{label} gives a clip {len(rows)} tokens and {len(of_clip)} times")


def _get_dim(parts: MethodParts) -> int:
    """Return the number of features of a frame, also where no clip has any."""
    method, encoder = parts.method, parts.encoders["video"].encoder
    return method.embed_dim if method.objective and method.project else encoder.dim


def _join_clips(labeled: LabeledClips, vectors: Sequence[Vectors], *, dim: int) -> FrameEmbeddings:
    labels, clips, times = labeled
    phases = [find_phases(item, of_clip) for item, of_clip in zip(labels, times, strict=True)]
    return FrameEmbeddings(
        clip_ids=tuple(clip.id for clip in clips),
        views=tuple(clip.view for clip in clips),
        lengths=np.array([len(rows) for rows in vectors], np.int64),
        vectors=np.concatenate([np.empty((0, dim), np.float32), *vectors]),
        labels=np.concatenate([np.empty(0, np.int64), *phases]),
        times=np.concatenate([np.empty(0), *times]),
        activities=tuple(item.activity for item in labels),
    )
