"""The frames of a data set with their phases, and the score of each frame task on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.frame_embeddings import FrameEmbeddings
from egoexobench.evaluation.frame_scores import score_frame_task
from egoexobench.evaluation.phase_progression import measure_goals
from egoexobench.evaluation.tracks import hash_track_items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator

    from egoexobench.evaluation.results import Score
    from egoexobench.types import FrameDirection, FrameTask

TICKS_PER_SECOND = 1_000_000
"""Times are hashed in units of a microsecond, so that no rounding of a reader changes a track."""


@dataclass(frozen=True, slots=True)
class LabeledFrames:
    """Frames of the training and of the test split, and what else decides their scores.

    ``has_vectors`` is False where only phases and times are there, for hashes and the oracle.
    """

    train: FrameEmbeddings
    test: FrameEmbeddings
    phase_names: tuple[str, ...]
    has_time_column: bool
    stride: int
    """``alignment`` compares every frame of this number."""
    has_vectors: bool = True


class AvailableFrames(NamedTuple):
    """The frames that tasks on frames are scored on; None with the reason why there are none."""

    frames: LabeledFrames | None
    reason: str = ""


NO_FRAMES = AvailableFrames(None, "it needs embeddings of frames")


def score_labeled_frames(
    frames: LabeledFrames, task: FrameTask, direction: FrameDirection, *, rng: Generator
) -> Score:
    """Return the metrics of a frame task in a direction; see `score_frame_task`.

    Raises:
        DataError: if nothing can be scored.
        UsageError: for ``phase`` without scikit-learn.
    """
    return score_frame_task(
        task,
        direction,
        frames.train,
        frames.test,
        num_phases=len(frames.phase_names),
        has_time_column=frames.has_time_column,
        stride=frames.stride,
        rng=rng,
    )


def score_frame_oracle(
    frames: LabeledFrames, task: FrameTask, direction: FrameDirection, *, rng: Generator
) -> Score:
    """Return the score of embeddings that are made from the true answers.

    Frames of one phase share a vector; in ``progression`` a vector holds the goals of its frame,
    and 0 for a phase without one. In ``alignment`` it is the position in the video, since the task
    asks for nothing but the order: a clock in a corner of the picture would solve it.

    Raises:
        DataError: if nothing can be scored.
    """
    sides = (
        _replace_vectors(side, _make_oracle_vectors(side, task, len(frames.phase_names)))
        for side in (frames.train, frames.test)
    )
    train, test = sides
    answers = replace(frames, train=train, test=test, has_time_column=False)
    return score_labeled_frames(answers, task, direction, rng=rng)


def score_frame_positions(
    frames: LabeledFrames, task: FrameTask, direction: FrameDirection, *, rng: Generator
) -> Score:
    """Return the score of the time of a frame, from 0 to 1 in its clip, as its only feature.

    It is a shortcut: nothing of the picture is read.

    Raises:
        DataError: if nothing can be scored.
    """
    train, test = (
        _replace_vectors(side, compute_positions(side)) for side in (frames.train, frames.test)
    )
    return score_labeled_frames(replace(frames, train=train, test=test), task, direction, rng=rng)


def compute_positions(frames: FrameEmbeddings) -> Floats:
    """Return the position of each frame in its video, from 0 to 1, ``(N, 1)``."""
    last = np.maximum(frames.lengths - 1, 1)[frames.videos]
    return np.asarray((frames.positions / last)[:, None])


def hash_labeled_frames(frames: LabeledFrames) -> str:
    """Return the content of the tracks of frames; the order of the videos does not matter."""
    sides = (("train", frames.train), ("test", frames.test))
    videos = [[split, *video] for split, side in sides for video in _iter_videos(side)]
    scoring = ["scoring", list(frames.phase_names), frames.has_time_column, frames.stride]
    return hash_track_items([scoring, *videos])


def _iter_videos(frames: FrameEmbeddings) -> Iterator[list[object]]:
    """Yield id, view, activity, phases and times of each video."""
    ends = np.cumsum(frames.lengths)
    ticks = np.round(frames.times * TICKS_PER_SECOND).astype(np.int64)
    activities = frames.activities or ("",) * len(frames.clip_ids)
    for index, end in enumerate(ends.tolist()):
        rows = slice(end - int(frames.lengths[index]), end)
        yield [
            frames.clip_ids[index],
            frames.views[index],
            activities[index],
            frames.labels[rows].tolist(),
            ticks[rows].tolist(),
        ]


def _make_oracle_vectors(frames: FrameEmbeddings, task: FrameTask, num_phases: int) -> Floats:
    if task == "alignment":
        return compute_positions(frames)
    if task == "progression":
        return np.nan_to_num(measure_goals(frames, num_phases))
    return np.asarray(np.eye(num_phases + 1)[frames.labels])  # the last row is no phase


def _replace_vectors(frames: FrameEmbeddings, vectors: Floats) -> FrameEmbeddings:
    return replace(frames, vectors=vectors.astype(np.float32))
