"""Squares, pixels and the rule of frozen encoders, on cases worked by hand."""

from dataclasses import replace
from typing import final

import numpy as np
import pytest
import torch
from torch import nn

from egoexobench.errors import DataError
from egoexobench.features import tower
from egoexobench.features.tower import Look
from egoexobench.values import Frames

PLAIN = Look((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "squash")


def frames(pixels):
    return Frames(np.asarray(pixels, np.uint8), np.arange(len(pixels)) / 8)


def striped(height, width):
    """A picture whose middle third is bright along its longer axis."""
    pixels = np.zeros((1, height, width, 3), np.uint8)
    third = max(height, width) // 3
    middle = slice(third, 2 * third)
    if height > width:
        pixels[:, middle] = 200
    else:
        pixels[:, :, middle] = 200
    return frames(pixels)


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("square", ["squash", "crop", "cut"])
def test_a_picture_of_the_right_size_stays_as_it_is(square, smooth):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    look = replace(PLAIN, square=square, smooth=smooth)
    found = tower.squares(frames(pixels), 32, look)
    np.testing.assert_array_equal(tower.rounded(found), pixels)


@pytest.mark.parametrize("size", [(32, 96), (96, 32)])
@pytest.mark.parametrize("square", ["crop", "cut"])
def test_the_centre_is_kept_and_nothing_beside_it(square, size):
    found = tower.squares(striped(*size), 32, replace(PLAIN, square=square))
    assert found.shape == (1, 32, 32, 3)
    assert bool((found == 200).all())


def test_squashing_keeps_the_whole_picture():
    found = tower.squares(striped(32, 96), 32, PLAIN)[0, 0, :, 0]
    assert found[0] == found[-1] == 0
    assert found[16] == 200
    assert float(found.mean()) == pytest.approx(200 / 3, rel=0.1)


def test_a_margin_is_cropped_off_all_sides():
    pixels = np.full((1, 64, 64, 3), 200, np.uint8)
    pixels[:, 8:56, 8:56] = 50
    whole = tower.squares(frames(pixels), 32, replace(PLAIN, square="crop"))
    close = tower.squares(frames(pixels), 32, replace(PLAIN, square="crop", margin=1.0))
    assert torch.equal(whole, close)
    # the short side becomes 64, of which the centre 64 stays: then halved
    assert whole[0, 0, 0, 0] == 200
    inside = tower.squares(frames(pixels), 24, replace(PLAIN, square="crop", margin=64 / 24))
    assert torch.equal(inside, tower.squares(frames(pixels), 24, PLAIN))


@pytest.mark.parametrize("square", ["crop", "cut"])
@pytest.mark.parametrize("size", [(37, 91), (91, 37), (33, 32), (240, 427)])
def test_any_size_becomes_a_square(square, size):
    pixels = np.random.default_rng(1).integers(0, 256, (1, *size, 3), dtype=np.uint8)
    look = replace(PLAIN, square=square, smooth=True, margin=8 / 7)
    assert tower.squares(frames(pixels), 28, look).shape == (1, 28, 28, 3)


def test_smoothing_averages_where_bilinear_picks():
    board = np.indices((64, 64)).sum(0) % 2 * 255
    pixels = np.repeat(board[None, ..., None], 3, -1)
    smooth = tower.squares(frames(pixels), 16, replace(PLAIN, smooth=True))
    assert float((smooth[:, 2:-2, 2:-2] - 127.5).abs().max()) < 2


def test_overshoot_is_clipped_and_not_wrapped_around():
    assert tower.rounded(torch.tensor([-3.0, 2.5, 254.6, 300.0])).tolist() == [0, 2, 255, 255]


def test_pixels_are_normalised_channel_by_channel_and_channels_come_first():
    look = Look((10.0, 20.0, 30.0), (1.0, 2.0, 5.0), "squash")
    pictures = torch.tensor([11.0, 26.0, 20.0]).expand(2, 4, 8, 8, 3)
    found = tower.normed(pictures, look)
    assert found.shape == (2, 4, 3, 8, 8)
    assert found[0, 0, :, 0, 0].tolist() == [1, 3, -2]


def test_published_constants_are_on_a_scale_of_0_to_255():
    assert tower.IMAGENET[0][0] == pytest.approx(123.675)
    assert tower.CLIP[1][2] == pytest.approx(70.32316305)


def test_another_number_of_frames_says_both_numbers():
    source = frames(np.zeros((3, 4, 4, 3)))
    tower.counted(source, 3, "some")
    with pytest.raises(DataError, match="some: a clip has 3 frames and the network takes 8"):
        tower.counted(source, 8, "some")


@final
class Part(nn.Module):
    train = tower.still

    def __init__(self, trained):
        super().__init__()
        self.frozen = not trained
        self.inner = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
        tower.settle(self, trained)


@pytest.mark.parametrize("trained", [False, True])
def test_a_frozen_part_is_still_inside_a_module_that_trains(trained):
    part = Part(trained)
    whole = nn.ModuleList([part, nn.Dropout()])
    whole.train()
    assert whole[1].training
    assert part.training is part.inner[1].training is trained
    assert all(one.requires_grad is trained for one in part.parameters())
    assert part.train() is part
    whole.eval()
    assert not part.inner[1].training
