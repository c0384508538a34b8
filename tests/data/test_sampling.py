import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.data.sampling import SAMPLERS, lavila_chunked, segment_centers
from egoexobench.data.sampling.egoinstructor import FRAMES_PER_FEATURE
from egoexobench.errors import DataError

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
    assert len(indices) == count * each
    assert indices.min() >= 0
    assert indices.max() < frames
    assert (np.diff(indices) >= 0).all()


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


def test_seconds_by_hand() -> None:
    # 2 seconds of 2-5 s: segments of (3 - 1) / 2 = 1 s, edges 2 3 4, so the seconds from 2 and 3
    assert SAMPLERS["seconds"](8.0, 80, 2.0, 5.0, 16).tolist() == list(range(16, 32))
    # at 24 Hz the steps of 1/8 s are frames 0 3 6 ..., and the last that is nearest is one later
    assert SAMPLERS["seconds"](24.0, 24, 0.0, 1.0, 8).tolist() == [1, 4, 7, 10, 13, 16, 19, 22]
