"""Decoded blocks of sound to one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.fault import MediaError


def mono_of(parts: Sequence[Any]) -> NDArray[np.float32]:
    """Return the mean of the channels of planar float blocks, one after the other."""
    total = np.zeros(sum(part.samples for part in parts), np.float32)
    place = 0
    for part in parts:
        here = total[place : place + part.samples]
        for plane in part.planes:
            here += np.frombuffer(plane, np.float32, part.samples)
        here /= len(part.planes)
        place += part.samples
    return total


def rate_of(parts: Sequence[Any], path: str) -> int:
    """Return the rate that all blocks have, Hz.

    Raises:
        MediaError: if it changes.
    """
    rates = {int(part.sample_rate) for part in parts}
    if len(rates) > 1:
        raise MediaError("undecodable", f"{path} changes the rate of its sound: {sorted(rates)} Hz")
    return rates.pop()
