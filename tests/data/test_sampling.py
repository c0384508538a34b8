import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.data.sampling import (
    SAMPLERS,
    FrameSampling,
    get_canonical_name,
    lavila_chunked,
    segment_centers,
)
from egoexobench.data.sampling.egoinstructor import FRAMES_PER_FEATURE
from egoexobench.data.sampling.sample import FrameTimes, check_frames_in_span, sample_frames
from egoexobench.errors import DataError, MediaError, UsageError

spans = given(
    fps=st.sampled_from([8.0, 24.0, 25.0, 29.97, 30.0, 60.0]),
    frames=st.integers(1, 2000),
    start=st.floats(0, 40),
    length=st.floats(0, 20),
    count=st.integers(1, 32),
)


@spans
def test_segment_centers_stay_in_the_file_and_never_decrease(
    fps: float, frames: int, start: float, length: float, count: int
) -> None:
    indices = segment_centers(fps, frames, start=start, end=start + length, count=count)
    assert len(indices) == count
    assert indices.min() >= 0
    assert indices.max() < frames
    assert (np.diff(indices) >= 0).all()


@pytest.mark.parametrize("name", SAMPLERS)
@spans
def test_within_the_file_every_sampler_gives_frames_of_it_in_order(
    name: str, fps: float, frames: int, start: float, length: float, count: int
) -> None:
    rate = 30.0 if name.endswith("fps30") else fps
    first = min(start, 0.4 * frames / rate)
    last = min(first + 2 + length, frames / rate)
    # this rule picks seconds, and then the frames of each
    unit, each = (1.0, FRAMES_PER_FEATURE) if name == "seconds" else (rate, 1)
    if int(last * unit) - int(first * unit) < max(2 * count, 4):
        return  # rules differ in what they do with a span of few frames
    indices = SAMPLERS[name](rate, frames, first, last, count=count * each)
    assert len(indices) == count * each or name == "every"
    assert indices.min() >= 0
    assert indices.max() < frames
    assert (np.diff(indices) >= 0).all()


@spans
def test_every_frame_of_a_span_is_each_frame_that_begins_in_it(
    fps: float, frames: int, start: float, length: float, count: int
) -> None:
    times = np.arange(frames) / fps
    first, end = min(start, times[-1]), start + length
    indices = SAMPLERS["every"](fps, frames, first, end, count=count)
    inside = np.flatnonzero((times >= first - 1e-6) & (times < end - 1e-6))
    assert (np.diff(indices) == 1).all()
    if len(inside) > 1:
        assert abs(len(indices) - len(inside)) <= 1  # a bound may be rounded either way
    assert set(inside[1:-1]) <= set(indices)


def test_every_frame_on_a_clock_that_is_not_constant_is_counted_by_its_time() -> None:
    times = np.array([0.0, 0.1, 0.5, 0.55, 0.6, 2.0, 2.1])
    file = FrameTimes("x.mp4", times, fps=3.0)
    indices = sample_frames("every", file, start=0.5, end=2.0, num_frames=50)
    assert indices.tolist() == [2, 3, 4]
    alone = sample_frames("every", file, start=0.7, end=0.9, num_frames=50)
    assert alone.tolist() == [4]  # the frame that is on show
    video = FrameTimes("one.mp4", np.zeros(1), fps=30.0)
    assert sample_frames("every", video, start=0.0, end=9.0, num_frames=8).tolist() == [0]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("egoexolearn-fixed-fps30", (25.0, 1000, 39.0, 39.5, 4)),
        ("lavila-single-file", (25.0, 1000, 5.0, 4.0, 4)),
        ("lavila-single-file", (24.0, 240, 9.99, 11.0, 4)),
        ("egovlp-charades", (25.0, 1000, 50.0, 52.0, 4)),
        ("viclip", (25.0, 7, 0.0, 1.0, 8)),
        ("seconds", (25.0, 1000, 0.0, 10.0, 12)),
        ("egoinstructor-charades", (1.0, 20, 10.0, 9.0, 4)),
        ("egoinstructor-train-item-ego", (1.0, 20, 25.0, 30.0, 4)),
    ],
)
def test_a_span_that_a_rule_has_no_frames_for_is_an_error(
    name: str, arguments: tuple[float, int, float, float, int]
) -> None:
    with pytest.raises(DataError):
        SAMPLERS[name](*arguments)


def test_a_start_beyond_the_last_chunk_is_an_error() -> None:
    with pytest.raises(DataError, match="after 2 files of 15 s"):
        lavila_chunked([450, 450], start=30.5, end=31.0, count=4, seconds=15)


def test_segment_centers_by_hand() -> None:
    # 10 frames of one second: segments of (10 - 0 - 1) / 3 = 3 frames, edges 0 3 6 9
    assert segment_centers(10.0, 10, start=0.0, end=1.0, count=3).tolist() == [1, 4, 7]


def test_intervals_by_hand() -> None:
    # 10 frames in 2 intervals, 0-4 and 5-9
    assert SAMPLERS["frozen-in-time"](1.0, 10, 0, 0, 2).tolist() == [2, 7]
    assert SAMPLERS["viclip"](1.0, 10, 0, 0, 3).tolist() == [0, 3, 6]


def test_an_interval_without_a_frame_takes_the_one_before_it_and_never_one_before_the_file() -> (
    None
):
    assert SAMPLERS["egovlp-clips"](10.0, 20, 1.0, 1.2, count=4).tolist() == [9, 10, 10, 11]
    assert SAMPLERS["egovlp-clips"](2.0, 2, 0.0, 1.0, count=4).tolist() == [-1, 0, 0, 1]
    file = FrameTimes("x.mp4", np.arange(2) / 2.0, fps=2.0)
    indices = sample_frames("egovlp-clips", file, start=0.0, end=1.0, num_frames=4)
    assert indices.tolist() == [0, 0, 0, 1]


def test_seconds_by_hand() -> None:
    # 2 seconds of 2-5 s: segments of (3 - 1) / 2 = 1 s, edges 2 3 4, so the seconds from 2 and 3
    assert SAMPLERS["seconds"](8.0, 80, 2.0, 5.0, 16).tolist() == list(range(16, 32))
    # at 24 Hz the steps of 1/8 s are frames 0 3 6 ..., and the last that is nearest is one later
    assert SAMPLERS["seconds"](24.0, 24, 0.0, 1.0, 8).tolist() == [1, 4, 7, 10, 13, 16, 19, 22]


def test_a_sampling_name_can_set_the_clock_and_has_one_canonical_form() -> None:
    assert FrameSampling.parse("viclip") == FrameSampling("viclip", "file")
    assert str(FrameSampling.parse("egoexolearn:clock=nominal")) == "egoexolearn,clock=nominal"
    assert get_canonical_name("soundbridge,clock=nominal") == "egoexolearn,clock=nominal"
    assert get_canonical_name("soundbridge,clock=file") == "egoexolearn"


@pytest.mark.parametrize("text", ["egoexolearn,clock=sun", "egoexolearn,time=file"])
def test_an_unknown_clock_is_an_error_that_says_what_to_type(text: str) -> None:
    with pytest.raises(UsageError, match="clock=nominal"):
        FrameSampling.parse(text)


def test_both_clocks_give_the_same_frames_of_a_constant_rate() -> None:
    for name, fps in (("egoexolearn", 25.0), ("egovlp-clips", 30000 / 1001), ("seconds", 24.0)):
        times = FrameTimes("a.mp4", np.round(np.arange(300) / fps, 3), fps)
        for start, end in ((0.0, 9.0), (1.02, 1.5), (2.5, 7.77)):
            indices = [
                sample_frames(sampling, times, start=start, end=end, num_frames=8).tolist()
                for sampling in (name, f"{name},clock=nominal")
            ]
            assert indices[0] == indices[1]


@pytest.mark.parametrize("name", ["egoexolearn", "lavila-single-file", "egovlp-clips", "seconds"])
def test_frames_of_a_variable_rate_are_those_of_the_clip(name: str) -> None:
    times = np.concatenate([np.arange(0, 4, 0.1), np.arange(4, 8, 0.02)])
    file = FrameTimes("a.mp4", times, len(times) / 8)
    indices = sample_frames(name, file, start=2.0, end=4.0, num_frames=8)
    assert all(2.0 - 0.1 < times[i] < 4.0 for i in indices)
    nominal = sample_frames(f"{name},clock=nominal", file, start=2.0, end=4.0, num_frames=8)
    assert not all(2.0 - 0.1 < times[i] < 4.0 for i in nominal)


def test_a_clip_in_a_gap_has_no_frames() -> None:
    times = np.concatenate([np.arange(0, 2, 0.04), np.arange(6, 8, 0.04)])
    file = FrameTimes("a.mp4", times, 25.0)
    with pytest.raises(MediaError, match="has no frame in the clip 3-5 s") as caught:
        check_frames_in_span(file, 3.0, 5.0)
    assert caught.value.kind == "no_frames"
    check_frames_in_span(file, 1.9, 5.0)
    check_frames_in_span(file, 5.0, 6.1)
