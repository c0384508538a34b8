"""What an encoder reads beside the sampled frames: an earlier frame for each, and boxes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.sampling import Indices
from egoexobench.errors import ClipError, DataError
from egoexobench.toolbox.frame_boxes import read_frame_boxes

BOXES_DO_NOT_FIT = "has boxes that do not fit its frames"


class FrameExtras(NamedTuple):
    """What is decoded beside the sampled frames; nothing by default."""

    context_step: int = 0
    """How many frames of the file the earlier frame stands before; 0 for none."""
    boxes: str | None = None
    """File of the boxes of each frame; None reads no boxes."""


NO_EXTRAS = FrameExtras()


def add_context(sampled: Indices, step: int, first: int) -> tuple[Indices, NDArray[np.int64]]:
    """Return all frames that are decoded, and the position of the earlier frame of each.

    Args:
        sampled: indices ``(F,)`` of the sampled frames, in any order; some may be equal.
        step: how many frames of the file the earlier frame stands before.
        first: the first frame of the clip, which stands before those near the start.

    Returns:
        Indices ``(R,)`` in the order of the file, and positions ``(R,)`` in them; -1 for a frame
        that was not sampled.

    >>> add_context(np.array([3, 9]), step=4, first=1)
    (array([1, 3, 5, 9]), array([-1,  0, -1,  2]))
    """
    floor = min(first, int(sampled.min()))
    extra = np.setdiff1d(np.maximum(sampled - step, floor), sampled)
    indices = np.concatenate([sampled, extra])
    order = np.argsort(indices, kind="stable")
    indices, is_sampled = indices[order], order < len(sampled)
    positions = np.searchsorted(indices, np.maximum(indices - step, floor))
    return indices, np.where(is_sampled, positions, -1)


def read_boxes(
    path: str, indices: Indices, frame_shape: tuple[int, ...], num_file_frames: int
) -> NDArray[np.float32]:
    """Return the boxes ``(F, N, 10)`` of frames.

    Args:
        path: file of the boxes.
        indices: the frames, by their position in the media file.
        frame_shape: height and width of the decoded frames, and channels.
        num_file_frames: frames of the media file, each of which must have boxes.

    Raises:
        ClipError: if the boxes are those of another number of frames, or cannot be read.
    """
    try:
        boxes = read_frame_boxes(Path(path))
    except DataError as error:
        raise ClipError(BOXES_DO_NOT_FIT, str(error)) from error
    if len(boxes.values) != num_file_frames:
        reason = f"its file has {num_file_frames} frames, and boxes for {len(boxes.values)}"
        raise ClipError(BOXES_DO_NOT_FIT, reason)
    height, width = frame_shape[:2]
    return boxes.select_frames(indices, height, width)
