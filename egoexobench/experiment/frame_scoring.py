"""Embeds the frames of a data set whose phases are known."""

from __future__ import annotations

from collections.abc import Sequence

from egoexobench.data.candidate_lists import get_queries, list_list_policies
from egoexobench.evaluation.labeled_frames import AvailableFrames, LabeledFrames
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.frame_embedding import embed_split_frames, explain_no_frames
from egoexobench.experiment.prepare import TrainedMethod
from egoexobench.protocols import Dataset, HasFrameLabels
from egoexobench.types import FRAME_TASKS, RETRIEVAL_TASKS, TASKS, Task


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
        train=embed_split_frames(trained.model, parts, trained.scored, "train"),
        test=embed_split_frames(trained.model, parts, trained.scored, TEST_SPLIT),
        phase_names=tuple(dataset.phase_names),
        has_time_column=dataset.has_time_column,
        stride=dataset.alignment_stride,
    )
    if not len(frames.test.clip_ids):
        name = trained.scored.record.name
        return AvailableFrames(None, f"no clip of split {TEST_SPLIT!r} of {name} has phases")
    return AvailableFrames(frames)
