"""Encoder `cells`: colours and contrast on a grid, frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Bring the encoder."""
    register("cells", cells)


def cells(*, grid: int = 4, hues: int = 12) -> Encoder:
    """A token a frame: what colours each cell of a grid holds, and how much contrast.

    A frozen stand-in for a video encoder where a machine has minutes and not days. A cell gives a
    histogram over hues, weighted by how colourful a pixel is and shared between the two nearest
    bins, the standard deviation of its brightness and its mean red, green and blue.

    Args:
        grid: cells along each side of the picture.
        hues: bins of the colour circle.
    """
    from egoexobench_plugins.cells.model import Cells

    return Cells(grid, hues)
