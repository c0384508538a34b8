"""The encoder keeps its contract."""

import numpy as np
import pytest
from egoexobench import Frames, UsageError
from egoexobench.testing import check_encoder

from my_plugin.encoder import BrightnessEncoder, brightness


@pytest.mark.parametrize("grid", [1, 4])
def test_the_encoder_keeps_its_contract(grid: int) -> None:
    check_encoder(brightness(grid=grid))


def test_a_token_is_the_brightness_of_each_cell() -> None:
    pixels = np.zeros((1, 4, 4, 3), np.uint8)
    pixels[:, :2, :2] = 255
    tokens = BrightnessEncoder(2).prepare(Frames(pixels, np.zeros(1)))
    assert tokens.tolist() == [[1.0, 0.0, 0.0, 0.0]]


def test_an_invalid_grid_is_one_line() -> None:
    with pytest.raises(UsageError, match="grid=0 is invalid"):
        brightness(grid=0)
