"""Embeds the frames of a data set whose phases are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.candidate_lists import get_queries, list_list_policies
from egoexobench.data.frame_labels import find_label_fault, find_phases
from egoexobench.errors import DataError, UsageError
from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.frame_embeddings import FrameEmbeddings
from egoexobench.evaluation.labeled_frames import AvailableFrames, LabeledFrames
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.build import MethodParts
from egoexobench.experiment.clip_times import read_clip_times
from egoexobench.experiment.prepare import TrainedMethod
from egoexobench.models.feature_inputs import embed_clip_frames
from egoexobench.protocols import Dataset, HasFrameLabels, HasTokenTimes
from egoexobench.types import (
    FRAME_TASKS,
    RETRIEVAL_TASKS,
    TASKS,
    Clip,
    FrameLabels,
    Split,
    Task,
)

Vectors = NDArray[np.float32]
VIDEO_ROLES = ("video", "video_exo")
"""Roles of the encoders whose tokens are frames."""


def choose_tasks(tasks: Sequence[Task], dataset: Dataset) -> tuple[Task, ...]:
    """Return the tasks to score: those on frames, for a data set with nothing else to score.

    That is so if nobody named tasks, and the data set has phases and nothing to retrieve.
    """
    if tuple(tasks) != TASKS or not isinstance(dataset, HasFrameLabels):
        return tuple(tasks)
    has_queries = any(
        get_queries(dataset, TEST_SPLIT, task, policy)
        for task in RETRIEVAL_TASKS
        for policy in list_list_policies(dataset, task)
    )
    return TASKS if has_queries or dataset.pairs(TEST_SPLIT) else FRAME_TASKS


def embed_labeled_frames(trained: TrainedMethod) -> AvailableFrames:
    """Embed the frames of the clips of train and test that have phases.

    The embedding of a frame is its token of the video encoder after projection and layers, before
    any fusion, and is not normalized. Its phase is that of the nearest label in time.

    Raises:
        DataError: for labels that are not those of a clip.
    """
    dataset, parts = trained.scored.dataset, trained.parts
    if reason := explain_no_frames(parts, dataset, trained.scored.record.name):
        return AvailableFrames(None, reason)
    assert isinstance(dataset, HasFrameLabels)  # noqa: S101 - the reason would say so
    frames = LabeledFrames(
        train=_embed_split(trained, dataset, "train"),
        test=_embed_split(trained, dataset, TEST_SPLIT),
        phase_names=tuple(dataset.phase_names),
        has_time_column=dataset.has_time_column,
        stride=dataset.alignment_stride,
    )
    if not len(frames.test.clip_ids):
        name = trained.scored.record.name
        return AvailableFrames(None, f"no clip of split {TEST_SPLIT!r} of {name} has phases")
    return AvailableFrames(frames)


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


def _embed_split(trained: TrainedMethod, dataset: HasFrameLabels, split: Split) -> FrameEmbeddings:
    """Return the frames of a split, in the order of its labels."""
    clips = {clip.id: clip for clip in trained.scored.inputs.clips[split]}
    labels = [item for item in dataset.list_frame_labels(split) if item.clip_id in clips]
    num_phases = len(dataset.phase_names)
    for item in labels:
        if fault := find_label_fault(item, num_phases):
            raise DataError(f"clip {item.clip_id} of {trained.scored.record.name} {fault}")
    labeled = [clips[item.clip_id] for item in labels]
    times = _read_token_times(trained.parts, labeled)
    vectors = embed_clip_frames(trained.model, trained.scored.inputs.features, labeled)
    _check_counts(trained, vectors, times)
    return _join_clips(labels, labeled, times=times, vectors=vectors, dim=_get_dim(trained))


def _read_token_times(parts: MethodParts, clips: Sequence[Clip]) -> list[Floats]:
    """Return when the tokens of each clip are, s of the media file."""
    times = read_clip_times(parts.method, parts.encoders, clips)
    return [times[clip.id].tokens + clip.start for clip in clips]


def _check_counts(
    trained: TrainedMethod, vectors: Sequence[Vectors], times: Sequence[Floats]
) -> None:
    for rows, of_clip in zip(vectors, times, strict=True):
        if len(rows) != len(of_clip):
            label = trained.parts.encoders["video"].label
            raise DataError(f"{label} gives a clip {len(rows)} tokens and {len(of_clip)} times")


def _get_dim(trained: TrainedMethod) -> int:
    """Return the number of features of a frame, also where no clip has any."""
    method, encoder = trained.parts.method, trained.parts.encoders["video"].encoder
    return method.embed_dim if method.objective and method.project else encoder.dim


def _join_clips(
    labels: Sequence[FrameLabels],
    clips: Sequence[Clip],
    *,
    times: Sequence[Floats],
    vectors: Sequence[Vectors],
    dim: int,
) -> FrameEmbeddings:
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
