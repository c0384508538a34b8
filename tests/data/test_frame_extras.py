"""Frames that are read beside the sampled ones, and boxes of hands and objects."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from media_factory import write_video

from egoexobench.data.augmentation import Augmentation, Box, ClipDraw, draw_box
from egoexobench.data.decode import decode_clip
from egoexobench.data.frame_extras import FrameExtras, add_context
from egoexobench.data.sampling.segments import every_frame
from egoexobench.errors import ClipError, DataError
from egoexobench.toolbox.frame_boxes import FrameBoxes, read_frame_boxes, write_frame_boxes
from egoexobench.types import Clip, Frames

FPS, NUM_FILE_FRAMES = 8, 24


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    path = write_video(tmp_path / "a.mp4", seconds=NUM_FILE_FRAMES / FPS, fps=FPS)
    return Clip("x", "ego", str(path), 0.0, end=None, narration="", take="t")


def make_boxes(count: int = NUM_FILE_FRAMES) -> np.ndarray:
    boxes = np.random.default_rng(0).uniform(0, 64, (count, 4, 10)).astype(np.float32)
    boxes[..., 9] = np.arange(4)
    return boxes


@pytest.mark.parametrize("sampled", [[4], [0, 1, 2], [3, 9, 20], [5, 5, 23], list(range(24))])
@pytest.mark.parametrize(("step", "first"), [(1, 0), (4, 0), (15, 0), (4, 3)])
def test_each_sampled_frame_stands_beside_the_frame_so_many_before(
    sampled: list[int], step: int, first: int
) -> None:
    indices, context = add_context(np.array(sampled), step, first)
    assert indices[context >= 0].tolist() == sampled
    floor = min(first, sampled[0])
    earlier = indices[context[context >= 0]]
    assert earlier.tolist() == [max(index - step, floor) for index in sampled]
    assert set(indices) == set(sampled) | set(earlier), "no frame is decoded for nothing"
    assert (np.diff(indices) >= 0).all()


@pytest.mark.parametrize("span", [(0.0, None), (1.0, 2.0)])
@pytest.mark.parametrize("sampling", ["every", "egoexolearn"])
def test_a_decoded_clip_has_its_context_and_none_from_before_the_clip(
    clip: Clip, span: tuple[float, float | None], sampling: str
) -> None:
    every = decode_clip(clip, 1, with_audio=False, sampling="every").frames
    part = replace(clip, start=span[0], end=span[1])
    plain = decode_clip(part, 4, with_audio=False, sampling=sampling).frames
    extras = FrameExtras(context_step=3)
    frames = decode_clip(part, 4, with_audio=False, sampling=sampling, extras=extras).frames
    assert every is not None
    assert plain is not None
    assert frames is not None
    assert frames.context is not None
    assert np.array_equal(frames.sampled_times, plain.times)
    assert np.array_equal(frames.pixels[frames.context >= 0], plain.pixels)
    indices = np.rint(frames.times * FPS).astype(int)
    assert np.array_equal(frames.pixels, every.pixels[indices])
    assert indices.min() >= span[0] * FPS
    earlier = indices[frames.context[frames.context >= 0]]
    assert earlier.tolist() == np.maximum(np.rint(plain.times * FPS) - 3, span[0] * FPS).tolist()


def test_boxes_of_frames_are_those_of_their_position_scaled_to_the_decoded_picture(
    clip: Clip, tmp_path: Path
) -> None:
    values = make_boxes()
    for size, factors in ((None, (1, 1)), ((128, 32), (0.5, 2)), ((64, 64), (1, 1))):
        path = tmp_path / "boxes.npz"
        write_frame_boxes(path, FrameBoxes(values, size))
        extras = FrameExtras(3, str(path))
        frames = decode_clip(clip, 4, with_audio=False, extras=extras).frames
        assert frames is not None
        assert frames.boxes is not None
        indices = np.rint(frames.times * FPS).astype(int)
        expected = values[indices] * np.array([*factors * 2, *[1] * 6], np.float32)
        np.testing.assert_allclose(frames.boxes, expected, rtol=1e-6)


def test_boxes_of_another_number_of_frames_are_an_error_of_the_clip(
    clip: Clip, tmp_path: Path
) -> None:
    path = tmp_path / "boxes.npz"
    write_frame_boxes(path, FrameBoxes(make_boxes(20), None))
    with pytest.raises(ClipError, match="clip x: its file has 24 frames, and boxes for 20"):
        decode_clip(clip, 4, with_audio=False, extras=FrameExtras(0, str(path)))
    with pytest.raises(ClipError, match=r"clip x: the boxes file .*none.npz is missing"):
        decode_clip(clip, 4, with_audio=False, extras=FrameExtras(0, str(tmp_path / "none.npz")))


def test_a_file_of_boxes_is_read_back_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path, values = tmp_path / "boxes.npz", make_boxes()
    write_frame_boxes(path, FrameBoxes(values, (640, 480)))
    boxes = read_frame_boxes(path)
    assert np.array_equal(boxes.values, values)
    assert boxes.size == (640, 480)
    content = path.read_bytes()
    for damaged in (content[:100], b"", b"\x80\x04K\x01."):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="is not a complete file of boxes"):
            read_frame_boxes(path)
    with path.open("wb") as file:
        np.savez(file, boxes=np.array([{}], object), size=np.zeros(2, np.int64))
    with pytest.raises(DataError, match="is not a complete file of boxes"):
        read_frame_boxes(path)
    with pytest.raises(ValueError, match="expected"):
        write_frame_boxes(path, FrameBoxes(values[0], None))


def test_training_draws_different_frames_in_order_and_never_the_first() -> None:
    draws = [
        every_frame(8.0, 24, 0.0, end=3.0, count=6, rng=np.random.default_rng(seed))
        for seed in range(200)
    ]
    assert all(len(set(draw.tolist())) == 6 for draw in draws)
    assert all((np.diff(draw) > 0).all() for draw in draws)
    counts = np.bincount(np.concatenate(draws), minlength=24)
    assert counts[0] == 0
    assert counts[1:].min() > 25  # 52 expected
    assert counts[1:].max() < 85


@pytest.mark.parametrize(
    ("count", "expected"), [(4, [0, 1, 2, 3]), (6, [0, 1, 2, 3, 3, 3]), (3, None)]
)
def test_a_short_clip_gives_all_of_its_frames_and_then_its_last(
    count: int, expected: list[int] | None
) -> None:
    frames = every_frame(8.0, 24, 0.0, end=0.5, count=count, rng=np.random.default_rng(0))
    assert frames.tolist() == (expected or [1, 2, 3])


def find_bright(frames: Frames) -> list[list[int]]:
    """The box of the bright pixels of each frame: x1, y1, x2, y2."""
    boxes = []
    for pixels in frames.pixels:
        rows, columns = np.nonzero(pixels[..., 0] > 127)
        boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    return boxes


@pytest.mark.parametrize(
    "changes", [{"flip": 1.0}, {"min_area": 0.6}, {"min_area": 0.6, "flip": 1.0}]
)
def test_boxes_follow_a_crop_and_a_mirror_image(changes: dict[str, float]) -> None:
    pixels = np.zeros((2, 90, 120, 3), np.uint8)
    pixels[:, 40:50, 50:70] = 255
    boxes = np.zeros((2, 1, 10), np.float32)
    boxes[..., :4] = [50, 40, 70, 50]
    frames = Frames(pixels, np.arange(2.0), boxes, np.array([0, 0]))
    num_inside = 0
    for seed in range(20):
        draw = ClipDraw(Augmentation(**changes), seed, 1, "a")
        changed = draw.change_pixels(frames, None)
        assert changed.boxes is not None
        assert changed.context is frames.context
        crop = Box(0, 0, 90, 120)
        if "min_area" in changes:
            crop = draw_box((90, 120), 0.6, draw.make_rng("crop"))
        is_inside = crop.left <= 50 and crop.left + crop.width >= 70
        is_inside &= crop.top <= 40 and crop.top + crop.height >= 50
        if is_inside:
            num_inside += 1
            assert changed.boxes[:, 0, :4].tolist() == find_bright(changed)
            resized = draw.change_pixels(frames, 60)
            if "min_area" in changes:
                assert resized.boxes is not None
                expected = np.array(find_bright(resized))
                assert np.abs(resized.boxes[:, 0, :4] - expected).max() <= 1.5
    assert num_inside > 10
    assert boxes[0, 0, :4].tolist() == [50, 40, 70, 50], "the boxes that came in stay as they are"
