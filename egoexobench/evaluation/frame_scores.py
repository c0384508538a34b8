"""Scores of the four frame tasks of AE2, in each direction between the views.

Tasks and settings are those of Xue and Grauman (NeurIPS 2023; zihuixue/AlignEgoExo e73d055), but
for progression by view, which is ours. Chance, intervals and the rules for ties and for phases
that do not occur are ours, too (docs/frame-tracks.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.errors import DataError
from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.frame_alignment import STRIDE, compare_orders, find_activity_pairs
from egoexobench.evaluation.frame_embeddings import FrameEmbeddings
from egoexobench.evaluation.frame_retrieval import FrameRanking, rank_frames
from egoexobench.evaluation.intervals import ConfidenceInterval, bootstrap_variance
from egoexobench.evaluation.phase_classification import (
    compute_guessing_f1,
    compute_majority_f1,
    compute_weighted_f1,
    count_confusions,
    predict_phases,
)
from egoexobench.evaluation.phase_progression import measure_progress
from egoexobench.evaluation.results import Metric, Score
from egoexobench.evaluation.score_intervals import (
    compute_mean_interval,
    compute_normal_interval,
    compute_score_interval,
)
from egoexobench.evaluation.tied_precision import compute_tied_precision

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from egoexobench.types import FrameDirection, FrameTask, View

TOP_K = (10, 5, 15)
"""The k of frame retrieval; the first is AE2's."""


@dataclass(frozen=True, slots=True)
class _FrameTrack:
    """The frames of both splits, and which of them a direction learns from and scores."""

    direction: FrameDirection
    train: FrameEmbeddings
    test: FrameEmbeddings
    num_phases: int
    has_time_column: bool
    stride: int

    @property
    def views(self) -> tuple[View | None, View | None]:
        """The view that is learned from, or asks, and the other; None is both."""
        if self.direction == "regular":
            return None, None
        return ("ego", "exo") if self.direction == "ego2exo" else ("exo", "ego")

    def select_sides(self) -> tuple[FrameEmbeddings, FrameEmbeddings]:
        """Return the training frames to learn from, and the test frames to score.

        Raises:
            DataError: if there is none.
        """
        sides = []
        for name, side, view in zip(
            ("training", "test"), (self.train, self.test), self.views, strict=True
        ):
            frames = side if view is None else side.select_view(view)
            if not frames.has_phase.any():
                raise DataError(
                    f"{self.direction}: no {view or 'ego or exo'} frame of the {name} split has a "
                    "phase"
                )
            sides.append(frames)
        return sides[0], sides[1]


def score_frame_task(
    task: FrameTask,
    direction: FrameDirection,
    train: FrameEmbeddings,
    test: FrameEmbeddings,
    *,
    num_phases: int,
    has_time_column: bool = False,
    stride: int = STRIDE,
    rng: Generator,
) -> Score:
    """Return the metrics of a frame task.

    ``num_queries`` of the result counts test frames, and for ``alignment`` ordered pairs of videos;
    ``num_clusters`` counts videos; activities, if they are of several.

    Args:
        task: ``phase`` and ``progression`` learn from ``train``; the others read only ``test``.
        direction: ``ego2exo`` learns from ego frames and scores exo frames; in ``frame-retrieval``
            ego frames search exo frames, and in ``alignment`` ego videos are compared with exo
            videos. ``exo2ego`` is the mirror image. Only videos of one activity are aligned.
        train: frames of the training split.
        test: frames of the split that is scored.
        num_phases: phases of the data set.
        has_time_column: append the number of a frame, times 0.001, to its embedding; in
            ``progression`` alone.
        stride: frames from one that ``alignment`` compares to the next.
        rng: random numbers, for intervals.

    Raises:
        DataError: if nothing can be scored, such as a direction of which a view has no frame.
        UsageError: for ``phase`` without scikit-learn.
    """
    _check_frames(train, test, num_phases)
    track = _FrameTrack(
        direction=direction,
        train=train,
        test=test,
        num_phases=num_phases,
        has_time_column=has_time_column,
        stride=stride,
    )
    return _SCORERS[task](track, rng)


def _check_frames(train: FrameEmbeddings, test: FrameEmbeddings, num_phases: int) -> None:
    widths = train.vectors.shape[1], test.vectors.shape[1]
    if widths[0] != widths[1]:
        raise DataError(
            f"embeddings of training frames have {widths[0]} dimensions, those of test frames "
            f"{widths[1]}"
        )
    for side in (train, test):
        beyond = np.flatnonzero(side.labels >= num_phases)
        if len(beyond):
            row = int(beyond[0])
            raise DataError(
                f"{side.name_frame(row)} has the label {side.labels[row]}; there are {num_phases} "
                "phases, from 0"
            )


def _score_phases(track: _FrameTrack, rng: Generator) -> Score:
    sides = track.select_sides()
    train, test = (side.select_frames(side.has_phase) for side in sides)
    learned = np.unique(train.labels)
    if len(learned) < 2:
        raise DataError(
            f"{track.direction}: all {len(train.labels)} training frames have phase {learned[0]}; "
            "a classifier needs two"
        )
    confusions = count_confusions(test, predict_phases(train, test), track.num_phases)

    def measure_f1(weights: Floats) -> Floats:
        return compute_weighted_f1(np.einsum("rv,vpq->rpq", weights, confusions))

    value = float(measure_f1(np.ones((1, len(confusions))))[0])
    variance = bootstrap_variance(measure_f1, test.clusters, rng=rng)
    interval = compute_score_interval(value, variance, test.clusters, test.lengths.astype(float))
    shares = np.bincount(test.labels, minlength=track.num_phases) / len(test.labels)
    return Score(
        metrics={
            "phase_f1": _to_percent(
                value,
                interval,
                chance=compute_guessing_f1(shares[learned]),
                majority=compute_majority_f1(shares),
            )
        },
        num_queries=len(test.labels),
        num_clusters=len(set(test.clusters)),
        candidate_range=(len(learned), len(learned)),
        num_dropped=_count_unlabeled(sides[1]),
        num_special=_drop_zeros(
            {
                "training frames without a phase": _count_unlabeled(sides[0]),
                "test frames without a phase": _count_unlabeled(sides[1]),
                "test frames of a phase that no training frame has": int(
                    np.isin(test.labels, learned, invert=True).sum()
                ),
                "phases without a test frame": int((shares == 0).sum()),
            }
        ),
    )


def _score_retrieval(track: _FrameTrack, rng: Generator) -> Score:  # noqa: ARG001
    test = track.test.select_frames(track.test.has_phase)
    if not len(test.labels):
        raise DataError(f"{track.direction}: no test frame has a phase")
    asking, searched = (_is_of_view(test, view) for view in track.views)
    ranking = rank_frames(test, asking, searched, TOP_K)
    if not len(ranking.rows):
        raise DataError(
            f"{track.direction}: no test frame with a phase has a candidate in another video"
        )
    clusters = [test.clusters[video] for video in test.videos[ranking.rows].tolist()]
    return Score(
        metrics={
            f"map_at_{k}": _to_percent(
                float(ranking.precisions[k].mean()),
                compute_mean_interval(ranking.precisions[k], clusters),
                chance=_compute_chance_precision(ranking, k),
            )
            for k in TOP_K
        },
        num_queries=len(ranking.rows),
        num_clusters=len(set(clusters)),
        candidate_range=(int(ranking.num_candidates.min()), int(ranking.num_candidates.max())),
        num_dropped=int(asking.sum()) - len(ranking.rows),
        num_special=_drop_zeros(
            {
                "test frames without a phase": _count_unlabeled(track.test),
                "queries without a candidate": int(asking.sum()) - len(ranking.rows),
                "queries of a phase that no candidate has": int((ranking.num_relevant == 0).sum()),
                f"queries with fewer than {max(TOP_K)} candidates": int(
                    (ranking.num_candidates < max(TOP_K)).sum()
                ),
                "queries with candidates that are equally near": ranking.num_tied,
            }
        ),
    )


def _score_progression(track: _FrameTrack, rng: Generator) -> Score:
    train, test = track.select_sides()
    errors = measure_progress(train, test, track.num_phases, has_time_column=track.has_time_column)

    def measure_mean(weights: Floats) -> Floats:
        values = errors.measure_r2(weights)
        has_value = ~np.isnan(values)
        total = np.where(has_value, values, 0).sum(1)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / has_value.sum(1))

    every = np.ones((1, len(test.lengths)))
    value = float(measure_mean(every)[0])
    if np.isnan(value):
        raise DataError(
            f"{track.direction}: no phase has goals that differ, in both the training and the test "
            "split"
        )
    variance = bootstrap_variance(measure_mean, test.clusters, rng=rng)
    num_frames = errors.num_frames.max(1)
    num_clusters = len({test.clusters[video] for video in np.flatnonzero(num_frames)})
    low = high = None
    if num_clusters > 1:  # one video says nothing about others
        interval = compute_normal_interval(value, variance, num_clusters)
        low, high = interval.low, min(interval.high, 1.0)
    return Score(
        metrics={"progression_r2": Metric(value, low, high, chance=0.0, unit="1")},
        num_queries=int(num_frames.sum()),
        num_clusters=num_clusters,
        candidate_range=(track.num_phases, track.num_phases),
        num_dropped=len(test.labels) - int(num_frames.sum()),
        num_special=_drop_zeros(
            {
                "training frames without a phase": _count_unlabeled(train),
                "test frames without a phase": _count_unlabeled(test),
                "phases without an R2": int(np.isnan(errors.measure_r2(every)).sum()),
            }
        ),
    )


def _score_alignment(track: _FrameTrack, rng: Generator) -> Score:
    test = track.test
    asking, compared = (_is_of_view(test, view) for view in track.views)
    first = np.cumsum(test.lengths) - test.lengths
    pairs = asking[first][:, None] & compared[first][None] & find_activity_pairs(test)
    orders = compare_orders(test, pairs, track.stride)
    has_tau = ~np.isnan(orders.taus)
    if not has_tau.any():
        raise DataError(
            f"{track.direction}: none of {orders.num_undefined} pairs of test videos has a "
            "Kendall's tau, which needs two different nearest frames in the other video"
        )
    taus = np.where(has_tau, orders.taus, 0)

    def measure_mean(weights: Floats) -> Floats:
        sums, counts = (((weights @ table) * weights).sum(1) for table in (taus, has_tau))
        with np.errstate(invalid="ignore"):
            return np.asarray(sums / counts)

    value = float(taus.sum() / has_tau.sum())
    variance = bootstrap_variance(measure_mean, test.clusters, rng=rng)
    used = (has_tau.any(0) | has_tau.any(1)).astype(float)
    share = compute_score_interval((value + 1) / 2, variance / 4, test.clusters, used)
    return Score(
        metrics={
            "kendall_tau": Metric(
                value, 2 * share.low - 1, 2 * share.high - 1, chance=0.0, unit="1"
            )
        },
        num_queries=int(has_tau.sum()),
        num_clusters=len({test.clusters[video] for video in np.flatnonzero(used)}),
        candidate_range=(int(test.lengths.min()), int(test.lengths.max())),
        num_dropped=orders.num_undefined,
        num_special=_drop_zeros(
            {
                "test frames without a phase": _count_unlabeled(test),
                "pairs of videos without a tau": orders.num_undefined,
                "frames with several nearest frames, of which the first counts": orders.num_tied,
            }
        ),
    )


_SCORERS: Mapping[FrameTask, Callable[[_FrameTrack, Generator], Score]] = {
    "phase": _score_phases,
    "frame-retrieval": _score_retrieval,
    "progression": _score_progression,
    "alignment": _score_alignment,
}


def _compute_chance_precision(ranking: FrameRanking, k: int) -> float:
    """The mean over the queries of a random order, which is one group of candidates that tie."""
    kinds, repeats = np.unique(
        np.stack([ranking.num_candidates, ranking.num_relevant]), axis=1, return_counts=True
    )
    values = [compute_tied_precision(((size, relevant),), k) for size, relevant in kinds.T.tolist()]
    return float(np.average(values, weights=repeats))


def _is_of_view(frames: FrameEmbeddings, view: View | None) -> NDArray[np.bool_]:
    if view is None:
        return np.ones(len(frames.labels), bool)
    return np.asarray(frames.is_ego == (view == "ego"))


def _count_unlabeled(frames: FrameEmbeddings) -> int:
    return int((~frames.has_phase).sum())


def _drop_zeros(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _to_percent(
    value: float,
    interval: ConfidenceInterval,
    *,
    chance: float,
    majority: float | None = None,
) -> Metric:
    return Metric(
        value=100 * value,
        low=100 * interval.low,
        high=100 * interval.high,
        chance=100 * chance,
        majority=None if majority is None else 100 * majority,
        unit="%",
    )
