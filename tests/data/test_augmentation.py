"""What training changes at random in the frames of a clip."""

import itertools

import numpy as np
import pytest

from egoexobench.data.augmentation import (
    AUGMENTATIONS,
    Augmentation,
    Box,
    ClipDraw,
    check_augmentation,
    draw_box,
    get_augmentation,
)
from egoexobench.data.sampling import SAMPLERS, has_jitter
from egoexobench.data.sampling.sample import FrameTimes, sample_frames
from egoexobench.errors import UsageError
from egoexobench.types import Frames

NUM_DRAWS = 300


def make_frames(count: int = 3, height: int = 24, width: int = 40) -> Frames:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Frames(np.stack([pixels] * count), np.arange(count, dtype=np.float64))


def test_a_rule_has_options_and_none_changes_nothing() -> None:
    assert get_augmentation("none").changes_nothing
    assert not get_augmentation("egoexolearn").changes_nothing
    expected = Augmentation(min_area=0.25, flip=0.5, jitter=False)
    assert get_augmentation("egovlp:min_area=0.25,jitter=false") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("egoexolern", "Did you mean 'egoexolearn'"),
        ("egovlp:size=3", "unknown option 'size' of augmentation 'egovlp'"),
        ("egovlp:min_area=0", "min_area=0.0 must be above 0 and at most 1"),
        ("egovlp:min_area=nan", "min_area=nan"),
        ("egovlp:flip=2", "flip=2.0 must be from 0 to 1"),
        ("none:flip=1", "none has no options"),
    ],
)
def test_a_wrong_rule_is_an_error_of_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        get_augmentation(text)
    assert "\n" not in str(error.value)


def test_frames_can_jitter_only_where_a_rule_has_segments() -> None:
    with pytest.raises(UsageError, match=r"frame_sampling=seconds has no segments.*jitter=false"):
        check_augmentation("egoexolearn", "seconds")
    assert check_augmentation("egoexolearn:jitter=false", "seconds").min_area == 0.5
    assert check_augmentation("lavila", "lavila-single-file-fps30,clock=nominal").jitter


def test_crops_have_areas_ratios_and_places_of_the_published_distribution() -> None:
    height, width = 240, 320
    rng = np.random.default_rng(0)
    boxes = [draw_box((height, width), 0.5, rng) for _ in range(1000)]
    areas = np.array([box.height * box.width for box in boxes]) / (height * width)
    ratios = np.array([box.width / box.height for box in boxes])
    assert areas.min() >= 0.5 - 0.01
    assert 0.98 < areas.max() <= 1
    assert ratios.min() >= 3 / 4 - 0.01
    assert ratios.max() <= 4 / 3 + 0.01
    # crops of every area fit at the ratio of the picture, few wide ones at the ratio 3/4
    assert 0.65 < areas.mean() < 0.75
    right, bottom = [b.left + b.width for b in boxes], [b.top + b.height for b in boxes]
    assert (min(b.left for b in boxes), max(right)) == (0, width)
    assert (min(b.top for b in boxes), max(bottom)) == (0, height)


@pytest.mark.parametrize(
    ("shape", "expected"), [((10, 1000), Box(0, 493, 10, 13)), ((1000, 10), Box(493, 0, 13, 10))]
)
def test_where_no_crop_fits_the_largest_centered_one_is_taken(
    shape: tuple[int, int], expected: Box
) -> None:
    assert draw_box(shape, 0.5, np.random.default_rng(0)) == expected


def test_all_frames_of_a_clip_are_cropped_alike_to_the_size_of_the_encoder() -> None:
    draw = ClipDraw(get_augmentation("egovlp"), seed=0, epoch=1, clip_id="a")
    changed = draw.change_pixels(make_frames(), 16)
    assert (changed.pixels.shape, changed.pixels.dtype) == ((3, 16, 16, 3), np.uint8)
    assert (changed.pixels == changed.pixels[:1]).all()
    assert draw.change_pixels(make_frames(), None).pixels.shape[1:] != (24, 40, 3)


def test_a_clip_is_mirrored_as_often_as_the_rule_says() -> None:
    frames = make_frames()
    never, always, half = (Augmentation(flip=flip) for flip in (0.0, 1.0, 0.5))
    assert ClipDraw(never, 0, 1, "a").change_pixels(frames, 16) is frames
    mirrored = ClipDraw(always, 0, 1, "a").change_pixels(frames, 16)
    assert (mirrored.pixels == frames.pixels[:, :, ::-1]).all()
    draws = [ClipDraw(half, 0, 1, str(i)).change_pixels(frames, 16) for i in range(NUM_DRAWS)]
    assert 0.4 < np.mean([draw is not frames for draw in draws]) < 0.6


def test_random_numbers_depend_on_seed_epoch_and_clip_alone() -> None:
    def crop(seed: int, epoch: int, clip_id: str) -> bytes:
        draw = ClipDraw(AUGMENTATIONS["egovlp"], seed, epoch, clip_id)
        return draw.change_pixels(make_frames(), 16).pixels.tobytes()

    keys = [(0, 1, "a"), (1, 1, "a"), (0, 2, "a"), (0, 1, "b")]
    first = [crop(*key) for key in keys]
    np.random.default_rng(5).random()
    assert [crop(*key) for key in reversed(keys)] == first[::-1]
    assert len(set(first)) == len(keys)


def draw_indices(sampling: str, file: FrameTimes, count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    span = {"start": 1.0, "end": 5.0, "num_frames": count}
    return np.array([sample_frames(sampling, file, **span, rng=rng) for _ in range(NUM_DRAWS)])


@pytest.mark.parametrize("sampling", ["egoexolearn", "lavila-single-file"])
@pytest.mark.parametrize("is_constant", [True, False])
def test_jitter_takes_every_frame_of_a_segment_both_ends_included(
    sampling: str, is_constant: bool
) -> None:
    times = np.arange(100) / 10
    if not is_constant:
        times[50:] += 3.0
    file = FrameTimes("f", times, 10.0)
    drawn = draw_indices(sampling, file, 4)
    # 40 frames from frame 10 on: segments of 9.75 frames, whose edges are rounded half to even
    edges = [10, 20, 30, 39, 49]
    for segment, (first, last) in enumerate(itertools.pairwise(edges)):
        assert set(drawn[:, segment].tolist()) == set(range(first, last + 1))


def test_jitter_of_intervals_leaves_out_their_last_frame_as_the_release_does() -> None:
    drawn = draw_indices("egovlp-clips", FrameTimes("f", np.arange(100) / 10, 10.0), 4)
    for interval in range(4):
        first = 10 + 10 * interval
        assert set(drawn[:, interval].tolist()) == set(range(first, first + 9))


@pytest.mark.parametrize("sampling", sorted(name for name in SAMPLERS if "train-item" not in name))
def test_a_clip_as_short_as_its_frames_gives_frames_of_the_file(sampling: str) -> None:
    if sampling.startswith("egoinstructor") or not has_jitter(sampling):
        return
    file = FrameTimes("f", np.arange(60) / 30, 30.0)
    rng = np.random.default_rng(0)
    for start in (0.0, 1.6):
        for _ in range(20):
            indices = sample_frames(sampling, file, start=start, end=2.0, num_frames=4, rng=rng)
            assert len(indices) == 4
