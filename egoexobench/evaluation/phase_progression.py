"""Phase progression of AE2: how far a frame is from the end of each phase, by a linear regression.

(Xue and Grauman, NeurIPS 2023; zihuixue/AlignEgoExo e73d055.) The goal of a frame for phase p is
(t - t_p) / n: t is the number of the frame in its video of n frames, and t_p that of the last frame
of p. It is negative before the phase has ended. A video without p has no goal for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.evaluation.arrays import Floats

if TYPE_CHECKING:
    from egoexobench.evaluation.frame_embeddings import FrameEmbeddings

TICK = 1e-3
"""What each frame adds to the column of time that AE2 appends for one of its data sets."""
ROUNDING = 1e-12
"""Goals whose squares differ by no more than this share are equal."""


@dataclass(frozen=True, slots=True)
class ProgressErrors:
    """Sums over the frames of each test video, from which R2 follows for any set of videos.

    All are ``(V, P)``, for P phases: number of frames, sum of goals, of squared goals, and of
    squared errors of the regression. They are 0 where a video lacks the phase. A column is 0 where
    no training video has the phase, or no test video.
    """

    num_frames: Floats
    goals: Floats
    squared_goals: Floats
    squared_errors: Floats

    def measure_r2(self, weights: Floats) -> Floats:
        """Return R2 of each phase ``(R, P)``, if each video counts ``weights`` ``(R, V)`` times.

        NaN for a phase without frames, or whose goals are all equal.
        """
        counts, sums, squares, errors = (
            weights @ column
            for column in (self.num_frames, self.goals, self.squared_goals, self.squared_errors)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = squares - np.square(sums) / counts
            is_flat = ~(spread > ROUNDING * squares)
            return np.where(is_flat, np.nan, 1 - errors / spread)


def measure_progress(
    train: FrameEmbeddings, test: FrameEmbeddings, num_phases: int, *, has_time_column: bool
) -> ProgressErrors:
    """Fit one least-squares line for each phase to the training frames; sum its errors on the test.

    Args:
        train: frames of one split.
        test: frames of another split.
        num_phases: P.
        has_time_column: append the number of the frame, times 0.001, to its embedding.
    """
    fitted, tested = (_make_inputs(side, has_time_column) for side in (train, test))
    goals, test_goals = (measure_goals(side, num_phases) for side in (train, test))
    predictions = np.full(test_goals.shape, np.nan)
    has_goal = ~np.isnan(goals)
    # Phases of the same videos have the same inputs, which are factorized once.
    patterns, groups = np.unique(has_goal, axis=1, return_inverse=True)
    for index, rows in enumerate(patterns.T):
        phases = np.flatnonzero(groups.reshape(-1) == index)
        if rows.any():
            predictions[:, phases] = _predict(fitted[rows], goals[rows][:, phases], tested)
    is_scored = ~np.isnan(predictions) & ~np.isnan(test_goals)
    scored_goals = np.where(is_scored, test_goals, 0)
    errors = np.where(is_scored, test_goals - predictions, 0)
    starts = np.cumsum(test.lengths) - test.lengths
    return ProgressErrors(
        *(
            np.add.reduceat(column, starts, axis=0, dtype=float)
            for column in (is_scored, scored_goals, np.square(scored_goals), np.square(errors))
        )
    )


def measure_goals(frames: FrameEmbeddings, num_phases: int) -> Floats:
    """Return the goal of each frame for each phase, ``(N, P)``; NaN where it has none.

    A frame without a phase has no goal, and counts in the length of its video.
    """
    ends = np.full((len(frames.lengths), num_phases), -1)
    rows = np.flatnonzero(frames.has_phase)
    np.maximum.at(ends, (frames.videos[rows], frames.labels[rows]), frames.positions[rows])
    ends = ends[frames.videos]
    goals = (frames.positions[:, None] - ends) / frames.lengths[frames.videos, None]
    return np.where((ends >= 0) & frames.has_phase[:, None], goals, np.nan)


def _make_inputs(frames: FrameEmbeddings, has_time_column: bool) -> Floats:
    columns = [np.asarray(frames.vectors, float)]
    if has_time_column:
        columns.append(frames.positions[:, None] * TICK)
    return np.concatenate(columns, 1)


def _predict(inputs: Floats, goals: Floats, tested: Floats) -> Floats:
    """Least squares with an intercept, and the least norm where several solutions are equal.

    Directions in which 32-bit embeddings differ by no more than their rounding are left out.
    """
    from scipy.linalg import lstsq

    mean, offset = inputs.mean(0), goals.mean(0)
    weights = lstsq(inputs - mean, goals - offset, cond=np.finfo(np.float32).eps)[0]
    return np.asarray((tested - mean) @ weights + offset)
