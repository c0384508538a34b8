"""When the frames of a media file are shown, for data sets that label frames by their number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.decode import read_frame_times
from egoexobench.types import Clip


def read_file_times(path: str) -> NDArray[np.float64]:
    """Return the time of each frame of a file ``(F,)``, s; nothing is decoded.

    Raises:
        MediaError: if the file is missing, or has no video that can be read.
    """
    clip = Clip("", "ego", path, 0.0, end=None, narration="", take="")
    return read_frame_times(clip, 1, sampling="every")
