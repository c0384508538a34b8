"""When the tokens of a clip are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class ClipTimes(NamedTuple):
    """Times of the tokens of a clip ``(T,)`` from its start, and its duration, s."""

    tokens: NDArray[np.float64]
    duration: float
