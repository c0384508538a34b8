"""Scores of frame tasks: against references, worked by hand, and under each rule."""

from dataclasses import replace

import numpy as np
import pytest
from frame_videos import make_frames, make_videos
from reference_metrics import ae2
from scipy.stats import kendalltau

from egoexobench.errors import DataError
from egoexobench.evaluation.frame_alignment import compute_tau
from egoexobench.evaluation.frame_scores import score_frame_task
from egoexobench.evaluation.phase_progression import measure_goals
from egoexobench.types import FRAME_DIRECTIONS, FRAME_TASKS


def score(task, direction, train, test, **options):
    phases = int(max(train.labels.max(), test.labels.max())) + 1
    options = {"num_phases": phases, "rng": np.random.default_rng(0)} | options
    return score_frame_task(task, direction, train, test, **options)


@pytest.fixture(scope="module")
def sides():
    return make_videos(0, [40, 55, 30, 62]), make_videos(1, [33, 48, 57, 41, 26])


@pytest.mark.parametrize("has_time_column", [False, True])
def test_progression_is_that_of_the_reference(sides, has_time_column):
    timed = [(side.vectors, side.labels, side.lengths) for side in sides]
    if has_time_column:
        timed = [
            (ae2.append_time(vectors, lengths), labels, lengths)
            for vectors, labels, lengths in timed
        ]
    result = score("progression", "regular", *sides, has_time_column=has_time_column)
    expected = ae2.score_progression(*timed)[1]
    assert result.metrics["progression_r2"].value == pytest.approx(expected, abs=1e-5)
    by_view = score("progression", "ego2exo", *sides, has_time_column=has_time_column)
    train, test = sides[0].select_view("ego"), sides[1].select_view("exo")
    alone = score("progression", "regular", train, test, has_time_column=has_time_column)
    assert by_view == alone


def test_alignment_is_that_of_the_reference(sides):
    test = sides[1]
    result = score("alignment", "regular", *sides)
    assert result.metrics["kendall_tau"].value == pytest.approx(
        ae2.compute_tau(test.vectors, test.lengths), abs=1e-12
    )
    assert (result.num_queries, result.num_clusters, result.num_dropped) == (20, 5, 0)


def test_tau_is_that_of_scipy_with_many_ties():
    numbers = np.random.default_rng(0).integers(0, 4, (12, 30))
    expected = [kendalltau(np.arange(12), column).statistic for column in numbers.T]
    np.testing.assert_allclose(compute_tau(numbers), expected, atol=1e-12)


def test_goals_count_from_the_last_frame_of_a_phase():
    frames = make_frames(np.zeros((7, 1)), [0, 0, 1, -1, 1, 1, 1], [4, 3])
    goals = measure_goals(frames, 3)
    # phase 0 ends at frame 1 of 4; the second video lacks it, and no video has phase 2
    np.testing.assert_allclose(goals[:3, 0], [-1 / 4, 0, 1 / 4])
    np.testing.assert_allclose(goals[4:, 1], [-2 / 3, -1 / 3, 0])
    assert np.isnan(goals[4:, 0]).all()
    assert np.isnan(goals[:, 2]).all()
    assert np.isnan(goals[3]).all()  # it has no phase, and counts in the length of its video


def test_videos_that_move_alike_are_near_the_best_of_all_tasks_and_noise_near_chance():
    alike = make_videos(0, [40] * 6, noise=0.02), make_videos(1, [40] * 6, noise=0.02)
    rng = np.random.default_rng(0)
    noise = [
        replace(side, vectors=rng.normal(size=side.vectors.shape).astype(np.float32))
        for side in alike
    ]
    for task in FRAME_TASKS:
        for direction in FRAME_DIRECTIONS:
            best = next(iter(score(task, direction, *alike).metrics.values()))
            lowest = next(iter(score(task, direction, *noise).metrics.values()))
            scale = 100 if best.unit == "%" else 1
            assert best.value > (0.6 if task == "progression" else 0.8) * scale
            assert lowest.value < lowest.chance + 0.15 * scale
            # a line that is fitted to noise is worse on a test than the mean
            assert lowest.value > lowest.chance - (0.4 if task == "progression" else 0.25) * scale
            assert best.low <= best.value <= best.high <= scale


def test_equal_embeddings_retrieve_at_chance_and_have_no_tau():
    frames = make_videos(2, [30, 30, 30])
    flat = replace(frames, vectors=np.zeros_like(frames.vectors))
    result = score("frame-retrieval", "regular", flat, flat)
    for metric in result.metrics.values():
        assert metric.value == pytest.approx(metric.chance, abs=1e-9)
    assert result.num_special == {"queries with candidates that are equally near": 90}
    with pytest.raises(DataError, match="none of 6 pairs of test videos has a Kendall's tau"):
        score("alignment", "regular", flat, flat)
    result = score("progression", "regular", flat, flat)
    assert result.metrics["progression_r2"].value == pytest.approx(0, abs=1e-9)


def test_the_order_of_videos_does_not_matter(sides):
    train, test = sides
    order = [3, 0, 4, 2, 1]
    starts = np.cumsum(test.lengths) - test.lengths
    rows = np.concatenate([np.arange(starts[i], starts[i] + test.lengths[i]) for i in order])
    moved = replace(
        test,
        clip_ids=tuple(test.clip_ids[i] for i in order),
        views=tuple(test.views[i] for i in order),
        lengths=test.lengths[order],
        vectors=test.vectors[rows],
        labels=test.labels[rows],
        times=test.times[rows],
    )
    for task in FRAME_TASKS:
        first, second = (score(task, "regular", train, side).metrics for side in (test, moved))
        for name, metric in first.items():
            assert metric.value == pytest.approx(second[name].value, abs=1e-9)
            assert metric.chance == pytest.approx(second[name].chance, abs=1e-9)


def test_frames_without_a_phase_are_left_out_and_counted(sides):
    train, test = sides
    first = np.cumsum(test.lengths) - test.lengths
    lacking = test.labels.copy()
    lacking[first] = -1
    changed = replace(test, labels=lacking)
    without = test.select_frames(lacking >= 0)
    for task in ("phase", "frame-retrieval"):
        result = score(task, "regular", train, changed)
        assert result.metrics == score(task, "regular", train, without).metrics
        assert result.num_special["test frames without a phase"] == 5
    for task in ("progression", "alignment"):
        assert (
            score(task, "regular", train, changed).num_special["test frames without a phase"] == 5
        )


def test_a_phase_without_training_frames_counts_as_wrong_and_one_without_test_frames_not():
    train = make_frames([[0.0], [0.1], [5.0], [5.1]], [0, 0, 1, 1], [2, 2])
    test = make_frames([[0.0], [5.0], [9.0], [9.0]], [0, 1, 3, 3], [2, 2])
    result = score("phase", "regular", train, test, num_phases=5)
    # phase 0 is right (F1 1); phase 1 is right once and taken twice more (F1 1/2); phase 3 has 0
    assert result.metrics["phase_f1"].value == pytest.approx(100 * (1 + 0.5) / 4)
    assert result.num_special == {
        "test frames of a phase that no training frame has": 2,
        "phases without a test frame": 2,
    }


def test_a_phase_that_one_split_lacks_has_no_progression(sides):
    train, test = sides
    extended = replace(test, labels=np.where(test.labels == 2, 3, test.labels))
    result = score("progression", "regular", train, extended, num_phases=4)
    assert result.num_special == {"phases without an R2": 2}
    plain = score("progression", "regular", train, test)
    assert result.metrics["progression_r2"].value != plain.metrics["progression_r2"].value


def test_videos_of_one_frame_have_no_tau_and_are_counted():
    frames = make_videos(3, [30, 30, 1])
    result = score("alignment", "regular", frames, frames)
    assert (result.num_queries, result.num_dropped, result.num_clusters) == (2, 4, 2)
    assert result.num_special == {"pairs of videos without a tau": 4}
    for task in ("phase", "frame-retrieval", "progression"):
        assert score(task, "regular", frames, frames).num_clusters == 3


def test_a_direction_without_frames_of_a_view_is_not_scored(sides):
    train = sides[0].select_view("ego")
    for task in FRAME_TASKS:
        with pytest.raises(DataError, match="ego2exo"):
            score(task, "ego2exo", train, sides[1].select_view("ego"))
    single = sides[0].select_frames(sides[0].labels == 1)
    with pytest.raises(DataError, match=f"all {len(single.labels)} training frames have phase 1"):
        score("phase", "regular", single, sides[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.array([0, 1, 5])}, r"frame 2 of video 'v0' \(row 2\) has the label 5"),
        ({"vectors": np.zeros((3, 2), np.float32)}, "1 dimensions, those of test frames 2"),
    ],
)
def test_sides_that_do_not_fit_are_refused(change, message):
    frames = make_frames([[0.0], [1.0], [2.0]], [0, 1, 1], [3])
    with pytest.raises(DataError, match=message):
        score("phase", "regular", frames, replace(frames, **change), num_phases=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lengths": np.array([2, 2])}, "2 videos have 4 frames in total, and there are 3 embed"),
        ({"lengths": np.array([3, 0])}, "video 'v1' has 0 frames"),
        ({"labels": np.array([0, 1])}, "3 frames in total, and there are 2 labels"),
        ({"labels": np.array([0, -2, 1])}, r"frame 1 of video 'v0' \(row 1\) has the label -2"),
        ({"views": ("ego",)}, "2 videos have 1 views"),
        ({"times": np.array([1.0, 1.0, 0.0])}, r"frame 1 of video 'v0' \(row 1\) is at 1 s"),
        ({"vectors": np.zeros(3, np.float32)}, r"the shape \(3,\)"),
        (
            {"vectors": np.array([[0.0], [np.nan], [np.inf]], np.float32)},
            r"2 of 3 embeddings of frames contain NaN or infinity, first frame 1 of video 'v0'",
        ),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(change, message):
    frames = make_frames([[0.0], [1.0], [2.0]], [0, 1, 1], [2, 1])
    with pytest.raises(DataError, match=message):
        replace(frames, **change)
