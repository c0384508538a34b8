"""Encoder `my-plugin-brightness`: how bright each cell of a frame is."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from egoexobench import Audio, Frames, Tokens, UsageError, hookimpl

# This module is imported by every command: import torch, numpy and the like inside functions.
if TYPE_CHECKING:
    import numpy as np
    from egoexobench import Register
    from egoexobench.protocols import Encoder
    from egoexobench.types import Modality
    from numpy.typing import NDArray
    from torch import Tensor


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoder under the name that users type."""
    # an option without a default needs a value to be checked with: example={"weights": ...}
    register("my-plugin-brightness", brightness, modality="video")


def brightness(*, grid: int = 4) -> Encoder:
    """The brightness of each cell of a grid, one token for each frame.

    Args:
        grid: cells along each side of a frame.
    """
    # keyword-only parameters are the options of the part, and this docstring is its help
    if not 1 <= grid <= 64:
        raise UsageError(f"grid={grid} is invalid: must be from 1 to 64")
    return BrightnessEncoder(grid)


@final
class BrightnessEncoder:
    """Frozen: it runs once for each clip, and its tokens are stored.

    An encoder that is trained is an `nn.Module` with ``frozen = False``; then `encode` runs in
    every step. Create random weights inside the factory: the harness seeds torch and NumPy.
    """

    modality: Modality = "video"  # what `prepare` gets: Frames, Audio ("audio") or str ("text")
    frozen = True

    def __init__(self, grid: int) -> None:
        self.grid = grid
        self.dim = grid * grid  # D of a token

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Return an array ``(T, dim)`` of one clip; it runs in a thread on the CPU."""
        import numpy as np

        if not isinstance(source, Frames):
            raise TypeError("it reads frames")
        gray = source.pixels.mean(3, dtype=np.float32) / 255  # (T, H, W)
        rows = np.array_split(gray, self.grid, axis=1)
        cells = [cell for row in rows for cell in np.array_split(row, self.grid, axis=2)]
        return np.stack([cell.mean((1, 2)) for cell in cells], axis=1)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens of a padded batch ``(B, T, dim)``; ``mask (B, T)`` is False in padding.

        `values` are float32 on the device of the run. A row must not depend on the others.
        """
        return Tokens(values, mask)
