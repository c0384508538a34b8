"""Time and memory of the four frame metrics beside plain references, in one run.

`python benchmarks/frame_metrics.py` takes 50 videos of 200 frames; with `--videos 500
--no-reference` they are 100,000 frames. `--noise` decides how hard phases are told apart, and so
how many support vectors the classifier has.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import kendalltau
from sklearn.linear_model import LinearRegression
from sklearn.metrics import f1_score
from sklearn.svm import SVC

from egoexobench.evaluation.frame_embeddings import FrameEmbeddings
from egoexobench.evaluation.frame_scores import score_frame_task
from egoexobench.evaluation.phase_progression import measure_goals
from egoexobench.types import FRAME_TASKS, FrameTask

NUM_PHASES = 4
PRIMARY = {
    "phase": "phase_f1",
    "frame-retrieval": "map_at_10",
    "progression": "progression_r2",
    "alignment": "kendall_tau",
}


def make_videos(
    seed: int, num_videos: int, length: int, *, width: int, noise: float
) -> FrameEmbeddings:
    """Videos that go through four phases at their own speed, ego and exo in turn."""
    rng, directions = np.random.default_rng(seed), np.random.default_rng(99).normal(size=(4, width))
    vectors, labels = [], []
    for _ in range(num_videos):
        time_, cuts = np.linspace(0, 1, length), np.sort(rng.uniform(size=NUM_PHASES - 1))
        labels.append(np.searchsorted(cuts, time_))
        warped = np.interp(time_, [0, *cuts, 1], np.linspace(0, 1, NUM_PHASES + 1))
        basis = np.stack([warped, np.sin(3 * warped), np.cos(3 * warped), np.sin(6 * warped)], 1)
        style = 0.3 * rng.normal(size=width)
        vectors.append(basis @ directions / 2 + style + noise * rng.normal(size=(length, width)))
    return FrameEmbeddings(
        clip_ids=tuple(f"video {index}" for index in range(num_videos)),
        views=tuple("ego" if index % 2 else "exo" for index in range(num_videos)),
        lengths=np.full(num_videos, length),
        vectors=np.concatenate(vectors).astype(np.float32),
        labels=np.concatenate(labels),
        times=np.tile(np.arange(float(length)), num_videos),
    )


def classify_plainly(train: FrameEmbeddings, test: FrameEmbeddings) -> float:
    """F1 in percent of scikit-learn's classifier."""
    predictions = SVC().fit(train.vectors, train.labels).predict(test.vectors)
    return 100 * float(f1_score(test.labels, predictions, average="weighted"))


def retrieve_plainly(train: FrameEmbeddings, test: FrameEmbeddings) -> float:
    """mAP@10 in percent by a complete sort of each query's distances."""
    del train
    values = []
    for row in range(len(test.labels)):
        others = test.videos != test.videos[row]
        nearest = cdist(test.vectors[row][None], test.vectors[others])[0].argsort()[:10]
        hits = test.labels[others][nearest] == test.labels[row]
        precision = hits.cumsum() / np.arange(1, len(hits) + 1)
        values.append((precision * hits).sum() / max(hits.sum(), 1))
    return 100 * float(np.mean(values))


def fit_plainly(train: FrameEmbeddings, test: FrameEmbeddings) -> float:
    """Mean R2 of one regression for each phase."""
    goals, test_goals = (measure_goals(side, NUM_PHASES) for side in (train, test))
    values = []
    for phase in range(NUM_PHASES):
        rows, test_rows = (~np.isnan(side[:, phase]) for side in (goals, test_goals))
        model = LinearRegression().fit(train.vectors[rows], goals[rows, phase])
        values.append(model.score(test.vectors[test_rows], test_goals[test_rows, phase]))
    return float(np.mean(values))


def align_plainly(train: FrameEmbeddings, test: FrameEmbeddings) -> float:
    """Mean tau of scipy over ordered pairs of videos."""
    del train
    parts = [test.vectors[test.videos == video][::5] for video in range(len(test.lengths))]
    values = [
        kendalltau(np.arange(len(query)), cdist(query, other, "sqeuclidean").argmin(1)).statistic
        for index, query in enumerate(parts)
        for other in parts[:index] + parts[index + 1 :]
    ]
    return float(np.nanmean(values))


REFERENCES: dict[FrameTask, Callable[[FrameEmbeddings, FrameEmbeddings], float]] = {
    "phase": classify_plainly,
    "frame-retrieval": retrieve_plainly,
    "progression": fit_plainly,
    "alignment": align_plainly,
}


def measure_task(compute: Callable[[], float]) -> tuple[float, float, float]:
    """Return the value, the seconds of the processor and those of the clock."""
    start, clock = time.process_time(), time.perf_counter()
    value = compute()
    return value, time.process_time() - start, time.perf_counter() - clock


def main() -> None:
    """Score each task by the harness and by the reference; print seconds, ratios and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=50, help="of each split")
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--task", choices=FRAME_TASKS, action="append")
    parser.add_argument("--no-reference", action="store_true")
    arguments = parser.parse_args()
    options = {"width": arguments.width, "noise": arguments.noise}
    train, test = (
        make_videos(seed, arguments.videos, arguments.length, **options) for seed in (0, 1)
    )
    print(f"{len(train.labels)} training and {len(test.labels)} test frames, {options}")
    total = 0.0
    for task in arguments.task or FRAME_TASKS:
        score, seconds, clock = measure_task(
            lambda task=task: (
                score_frame_task(
                    task,
                    "regular",
                    train,
                    test,
                    num_phases=NUM_PHASES,
                    rng=np.random.default_rng(0),
                )
                .metrics[PRIMARY[task]]
                .value
            )
        )
        total += clock
        line = f"{task:16} {score:8.4f}  {seconds:7.1f} CPU s  {clock:7.1f} s"
        if not arguments.no_reference:
            value, plain, _ = measure_task(lambda task=task: REFERENCES[task](train, test))
            line += (
                f"; reference {value:8.4f}  {plain:7.1f} CPU s, {plain / seconds:.1f} times ours"
            )
        print(line, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"all: {total:.1f} s, peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
