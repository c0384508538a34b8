from dataclasses import replace

import numpy as np
import pytest

from egoexobench.evaluation.frame_embeddings import FrameEmbeddings
from egoexobench.evaluation.labeled_frames import (
    LabeledFrames,
    hash_labeled_frames,
    score_frame_oracle,
    score_frame_positions,
    score_labeled_frames,
)
from egoexobench.evaluation.tasks import METRICS_INFO, TASKS_INFO
from egoexobench.types import FRAME_DIRECTIONS, FRAME_TASKS, FrameDirection, FrameTask, View


def make_side(rng: np.random.Generator, num_videos: int = 8) -> FrameEmbeddings:
    """Videos of 6 to 9 frames with three phases each, some frames without, and random vectors."""
    lengths = rng.integers(6, 10, num_videos)
    views: tuple[View, ...] = ("ego", "exo")
    labels = [np.sort(rng.permutation(np.r_[0, 1, 2, rng.integers(0, 3, n - 3)])) for n in lengths]
    for phases in labels[::2]:
        phases[phases == 1] = np.where(np.arange((phases == 1).sum()) == 0, 1, -1)
    return FrameEmbeddings(
        clip_ids=tuple(f"v{index}" for index in range(num_videos)),
        views=tuple(views[index % 2] for index in range(num_videos)),
        lengths=lengths,
        vectors=rng.normal(size=(lengths.sum(), 4)).astype(np.float32),
        labels=np.concatenate(labels),
        times=np.concatenate([np.arange(n) / 8 for n in lengths]),
        activities=tuple(f"a{index // 2}" for index in range(num_videos)),
    )


@pytest.fixture
def frames() -> LabeledFrames:
    rng = np.random.default_rng(0)
    train, test = make_side(rng, 12), make_side(rng)
    return LabeledFrames(train, test, ("a", "b", "c"), has_time_column=False, stride=1)


@pytest.mark.parametrize("task", FRAME_TASKS)
@pytest.mark.parametrize("direction", FRAME_DIRECTIONS)
def test_the_oracle_reaches_the_best_score_of_every_task(
    frames: LabeledFrames, task: FrameTask, direction: FrameDirection
) -> None:
    score = score_frame_oracle(frames, task, direction, rng=np.random.default_rng(0))
    metric = score.metrics[TASKS_INFO[task].primary]
    limits = METRICS_INFO[TASKS_INFO[task].primary].limits or (0.0, 100.0)
    # two videos of other lengths need not have one nearest frame for each
    assert metric.value == pytest.approx(limits[1], rel=0.05 if task == "alignment" else 1e-6)
    method = score_labeled_frames(frames, task, direction, rng=np.random.default_rng(0))
    assert method.metrics[TASKS_INFO[task].primary].value < metric.value
    assert method.num_queries == score.num_queries


def test_the_position_alone_solves_alignment_and_tells_phases_apart(frames: LabeledFrames) -> None:
    rng = np.random.default_rng(0)
    tau = score_frame_positions(frames, "alignment", "regular", rng=rng).metrics["kendall_tau"]
    assert tau.value > 0.9
    f1 = score_frame_positions(frames, "phase", "regular", rng=rng).metrics["phase_f1"]
    assert f1.majority is not None
    assert f1.value > f1.majority + 20  # phases come in one order here


def reverse_videos(side: FrameEmbeddings) -> FrameEmbeddings:
    """The same videos, the last first."""
    starts = np.cumsum(side.lengths) - side.lengths
    order = range(len(side.lengths))[::-1]
    rows = np.concatenate([np.arange(starts[i], starts[i] + side.lengths[i]) for i in order])
    return FrameEmbeddings(
        clip_ids=side.clip_ids[::-1],
        views=side.views[::-1],
        lengths=side.lengths[::-1],
        vectors=side.vectors[rows],
        labels=side.labels[rows],
        times=side.times[rows],
        activities=side.activities[::-1],
    )


def test_the_content_does_not_depend_on_the_order_of_videos_or_on_vectors(
    frames: LabeledFrames,
) -> None:
    content = hash_labeled_frames(frames)
    assert len(content) == 64
    other = replace(frames, train=reverse_videos(frames.train), test=reverse_videos(frames.test))
    assert hash_labeled_frames(other) == content
    blind = replace(frames.test, vectors=np.zeros_like(frames.test.vectors))
    assert hash_labeled_frames(replace(frames, test=blind)) == content


def test_everything_that_decides_a_score_changes_the_content(frames: LabeledFrames) -> None:
    test = frames.test
    labels = test.labels.copy()
    labels[0] = (labels[0] + 1) % 3
    changed = [
        replace(frames, test=replace(test, labels=labels)),
        replace(frames, test=replace(test, times=test.times + 0.001)),
        replace(frames, test=replace(test, views=test.views[::-1])),
        replace(frames, test=replace(test, activities=("a",) * len(test.views))),
        replace(frames, train=test, test=frames.train),
        replace(frames, phase_names=("a", "b", "d")),
        replace(frames, has_time_column=True),
        replace(frames, stride=5),
    ]
    contents = {hash_labeled_frames(item) for item in (frames, *changed)}
    assert len(contents) == len(changed) + 1


def test_one_hot_vectors_of_many_frames_tie_beyond_every_list() -> None:
    """More frames of one phase are equally near than any list of the nearest ones holds."""
    rng = np.random.default_rng(1)
    train, test = make_side(rng, 12), make_side(rng, 60)
    frames = LabeledFrames(train, test, ("a", "b", "c"), has_time_column=False, stride=1)
    score = score_frame_oracle(frames, "frame-retrieval", "regular", rng=rng)
    assert score.metrics["map_at_10"].value == pytest.approx(100)
    tied = score.num_special["queries with candidates that are equally near"]
    assert tied == score.num_queries
