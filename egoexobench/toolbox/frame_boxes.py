"""Files of the boxes of hands and objects that a detector saw in each frame of a video.

A data set writes one file for each video and names it in ``Clip.boxes``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.errors import DataError
from egoexobench.files import atomic_path
from egoexobench.toolbox.array_errors import DAMAGED_ARRAY_ERRORS

if TYPE_CHECKING:
    from numpy.typing import NDArray

NUM_COLUMNS = 10
"""Numbers of a box: x1, y1, x2, y2, score, four unused ones, and the kind."""


@dataclass(frozen=True, slots=True)
class FrameBoxes:
    """The boxes of a video.

    ``values`` float32 ``(L, N, 10)`` has N boxes for each frame of the file, in its order. Columns
    0 to 3 are pixels of pictures of the ``size`` (width, height); None: of the frames themselves.
    """

    values: NDArray[np.float32]
    size: tuple[int, int] | None

    def select_frames(
        self, indices: NDArray[np.int64], height: int, width: int
    ) -> NDArray[np.float32]:
        """Return the boxes of some frames ``(F, N, 10)``, in pixels of frames of another size.

        Args:
            indices: frames ``(F,)``, by their position in the file.
            height: of the decoded frames, pixels.
            width: of the decoded frames, pixels.
        """
        boxes = self.values[indices]
        if self.size is not None:
            boxes[..., :4] *= np.array([width / self.size[0], height / self.size[1]] * 2, "f4")
        return boxes


def write_frame_boxes(path: Path, boxes: FrameBoxes) -> None:
    """Write a file of boxes, completely or not at all.

    Raises:
        ValueError: if the boxes have another shape.
    """
    if boxes.values.ndim != 3 or boxes.values.shape[2] != NUM_COLUMNS:
        message = f"boxes of the shape {boxes.values.shape}; expected (L, N, {NUM_COLUMNS})"
        raise ValueError(message)
    with atomic_path(path) as draft, draft.open("wb") as file:
        size = np.array(boxes.size or (0, 0), np.int64)
        np.savez(file, boxes=boxes.values.astype(np.float32), size=size)


def read_frame_boxes(path: Path) -> FrameBoxes:
    """Return the boxes of a file.

    Raises:
        DataError: if the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            values, size = content["boxes"], content["size"]
    except FileNotFoundError as error:
        raise DataError(f"the boxes file {path} is missing; prepare the data set again") from error
    except DAMAGED_ARRAY_ERRORS as error:
        raise DataError(f"{path} is not a complete file of boxes") from error
    is_valid = values.ndim == 3 and values.shape[2] == NUM_COLUMNS and values.dtype == np.float32
    if not is_valid or size.shape != (2,):
        raise DataError(f"{path} has boxes of the shape {values.shape}, expected (L, N, 10)")
    width, height = (int(side) for side in size)
    return FrameBoxes(values, (width, height) if width and height else None)
