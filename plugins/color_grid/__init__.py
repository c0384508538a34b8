"""Encoder `color-grid`: colors and contrast on a grid, frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoder."""
    register("color-grid", color_grid, aliases=("cells",), modality="video")


def color_grid(*, grid: int = 4, hues: int = 12) -> Encoder:
    """One token per frame: colors and contrast of each cell of a grid.

    A small frozen encoder in place of a video network that would take days. The features of a cell
    are a histogram of hues (weighted by the colorfulness of a pixel and shared between the two
    nearest bins), the standard deviation of the brightness, and the mean red, green and blue.

    Args:
        grid: cells along each side of the frame.
        hues: bins of the color circle.
    """
    from egoexobench_plugins.color_grid.model import ColorGridEncoder

    return ColorGridEncoder(grid, hues)
