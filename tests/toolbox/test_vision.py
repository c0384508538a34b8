"""Resizing, cropping and normalizing, on cases worked by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from egoexobench.errors import DataError
from egoexobench.toolbox import vision
from egoexobench.toolbox.vision import ImagePreprocess
from egoexobench.types import Frames

STRETCH = ImagePreprocess((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "stretch")


def make_frames(pixels):
    return Frames(np.asarray(pixels, np.uint8), np.arange(len(pixels)) / 8)


def make_striped_frames(height, width):
    """A frame whose middle third is bright along its longer axis."""
    pixels = np.zeros((1, height, width, 3), np.uint8)
    third = max(height, width) // 3
    middle = slice(third, 2 * third)
    if height > width:
        pixels[:, middle] = 200
    else:
        pixels[:, :, middle] = 200
    return make_frames(pixels)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("mode", ["stretch", "resize_center_crop", "center_crop_resize"])
def test_a_frame_of_the_right_size_is_not_changed(mode, antialias):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    preprocess = replace(STRETCH, resize_mode=mode, antialias=antialias)
    result = vision.resize_frames(make_frames(pixels), 32, preprocess)
    np.testing.assert_array_equal(vision.to_uint8(result), pixels)


@pytest.mark.parametrize("size", [(32, 96), (96, 32)])
@pytest.mark.parametrize("mode", ["resize_center_crop", "center_crop_resize"])
def test_only_the_center_remains(mode, size):
    result = vision.resize_frames(
        make_striped_frames(*size), 32, replace(STRETCH, resize_mode=mode)
    )
    assert result.shape == (1, 32, 32, 3)
    assert bool((result == 200).all())


def test_stretching_keeps_the_complete_frame():
    result = vision.resize_frames(make_striped_frames(32, 96), 32, STRETCH)[0, 0, :, 0]
    assert result[0] == result[-1] == 0
    assert result[16] == 200
    assert float(result.mean()) == pytest.approx(200 / 3, rel=0.1)


def test_a_margin_is_cropped_off_all_sides():
    pixels = np.full((1, 64, 64, 3), 200, np.uint8)
    pixels[:, 8:56, 8:56] = 50
    cropping = replace(STRETCH, resize_mode="resize_center_crop")
    default = vision.resize_frames(make_frames(pixels), 32, cropping)
    without = vision.resize_frames(make_frames(pixels), 32, replace(cropping, margin=1.0))
    assert torch.equal(default, without)
    # the short side becomes 64, of which the center 64 stays: then halved
    assert default[0, 0, 0, 0] == 200
    inside = vision.resize_frames(make_frames(pixels), 24, replace(cropping, margin=64 / 24))
    assert torch.equal(inside, vision.resize_frames(make_frames(pixels), 24, STRETCH))


@pytest.mark.parametrize("mode", ["resize_center_crop", "center_crop_resize"])
@pytest.mark.parametrize("size", [(37, 91), (91, 37), (33, 32), (240, 427)])
def test_any_size_becomes_a_square(mode, size):
    pixels = np.random.default_rng(1).integers(0, 256, (1, *size, 3), dtype=np.uint8)
    preprocess = replace(STRETCH, resize_mode=mode, antialias=True, margin=8 / 7)
    assert vision.resize_frames(make_frames(pixels), 28, preprocess).shape == (1, 28, 28, 3)


def test_antialiasing_averages_pixels():
    board = np.indices((64, 64)).sum(0) % 2 * 255
    pixels = np.repeat(board[None, ..., None], 3, -1)
    smooth = vision.resize_frames(make_frames(pixels), 16, replace(STRETCH, antialias=True))
    assert float((smooth[:, 2:-2, 2:-2] - 127.5).abs().max()) < 2


def test_overshoot_is_clipped_and_not_wrapped_around():
    assert vision.to_uint8(torch.tensor([-3.0, 2.5, 254.6, 300.0])).tolist() == [0, 2, 255, 255]


def test_pixels_are_normalized_channel_by_channel_and_channels_come_first():
    preprocess = ImagePreprocess((10.0, 20.0, 30.0), (1.0, 2.0, 5.0), "stretch")
    images = torch.tensor([11.0, 26.0, 20.0]).expand(2, 4, 8, 8, 3)
    result = vision.normalize(images, preprocess)
    assert result.shape == (2, 4, 3, 8, 8)
    assert result[0, 0, :, 0, 0].tolist() == [1, 3, -2]


def test_published_constants_are_on_a_scale_of_0_to_255():
    assert vision.IMAGENET_MEAN_STD[0][0] == pytest.approx(123.675)
    assert vision.CLIP_MEAN_STD[1][2] == pytest.approx(70.32316305)


def test_another_number_of_frames_says_both_numbers():
    source = make_frames(np.zeros((3, 4, 4, 3)))
    vision.check_num_frames(source, 3, "some")
    with pytest.raises(DataError, match="some: a clip has 3 frames and the network takes 8"):
        vision.check_num_frames(source, 8, "some")


def test_integer_pixels_are_normalized_like_floating_point_pixels():
    preprocess = ImagePreprocess((10.0, 20.0, 30.0), (3.0, 7.0, 5.0), "stretch")
    images = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    normalized = vision.normalize(images, preprocess)
    assert torch.equal(normalized, vision.normalize(images.float(), preprocess))
