"""Videos of several activities: only those of one are aligned, and they are not independent."""

from dataclasses import replace

import numpy as np
import pytest

from egoexobench.errors import DataError
from egoexobench.evaluation.frame_embeddings import FrameEmbeddings
from egoexobench.evaluation.frame_scores import score_frame_task
from egoexobench.evaluation.results import Score


def make_frames(vectors: list[list[float]], activities: tuple[str, ...] = ()) -> FrameEmbeddings:
    """Videos of three frames each, ego and exo in turn; a frame has one number."""
    count = len(vectors)
    return FrameEmbeddings(
        clip_ids=tuple(f"v{number}" for number in range(count)),
        views=("ego", "exo") * (count // 2),
        lengths=np.full(count, 3),
        vectors=np.array(vectors, np.float32).reshape(-1, 1),
        labels=np.tile([0, 1, 0], count),
        times=np.tile([0.0, 1.0, 2.0], count),
        activities=activities,
    )


FORWARD, BACKWARD = [0.0, 1.0, 2.0], [2.0, 1.0, 0.0]
# Videos of one activity agree, and every other pair is in the opposite order.
VECTORS = [FORWARD, FORWARD, BACKWARD, BACKWARD]


def score(frames: FrameEmbeddings, direction: str = "regular", stride: int = 1) -> Score:
    return score_frame_task(
        "alignment",
        direction,  # type: ignore[arg-type]
        frames,
        frames,
        num_phases=2,
        stride=stride,
        rng=np.random.default_rng(0),
    )


def test_only_videos_of_one_activity_are_compared() -> None:
    # of 12 ordered pairs of different videos, 4 are in order and 8 in the opposite order
    together = score(make_frames(VECTORS))
    assert together.metrics["kendall_tau"].value == pytest.approx(-1 / 3)
    assert (together.num_queries, together.num_clusters) == (12, 4)
    apart = score(make_frames(VECTORS, ("a", "a", "b", "b")))
    assert apart.metrics["kendall_tau"].value == pytest.approx(1)
    assert (apart.num_queries, apart.num_clusters) == (4, 2)
    assert score(make_frames(VECTORS, ("a", "a", "b", "b")), "ego2exo").num_queries == 2


def test_one_activity_is_like_none() -> None:
    assert score(make_frames(VECTORS, ("a",) * 4)) == score(make_frames(VECTORS))


def test_activities_stay_with_their_videos() -> None:
    frames = make_frames(VECTORS, ("a", "b", "c", "d"))
    assert frames.select_view("exo").activities == ("b", "d")
    with pytest.raises(DataError, match="4 videos have 3 activities"):
        replace(frames, activities=("a", "b", "c"))


def test_a_stride_leaves_frames_out() -> None:
    vectors = [[0.0, 9.0, 2.0], [0.0, 9.0, 2.0]]
    # with every second frame, frame 1 is neither asked about nor compared
    assert score(make_frames(vectors), stride=2).metrics["kendall_tau"].value == pytest.approx(1)
    with pytest.raises(DataError, match="two different nearest frames"):
        score(make_frames(vectors), stride=5)


def test_clusters_of_phases_are_activities() -> None:
    frames = make_frames(VECTORS, ("a", "a", "b", "b"))
    result = score_frame_task(
        "phase", "regular", frames, frames, num_phases=2, rng=np.random.default_rng(0)
    )
    assert (result.num_queries, result.num_clusters) == (12, 2)
