"""Decoded blocks of sound, planar floats, to arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def channels(block: Any) -> list[NDArray[np.float32]]:
    """Return a view of each channel ``(S,)``, which holds as long as the block."""
    return [np.frombuffer(plane, np.float32, block.samples) for plane in block.planes]


def mix(block: Any, total: NDArray[np.float32]) -> NDArray[np.float32]:
    """Write the mean of the channels into ``total (S,)`` and return it."""
    first, *more = channels(block)
    if not more:
        total[:] = first
        return total
    np.add(first, more[0], out=total)
    for channel in more[1:]:
        total += channel
    total /= len(more) + 1
    return total
