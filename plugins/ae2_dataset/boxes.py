"""Boxes of hands and objects: from the pickle of an activity to a file for each video."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from egoexobench.errors import DataError
from egoexobench.toolbox.frame_boxes import NUM_COLUMNS, FrameBoxes, write_frame_boxes
from egoexobench.toolbox.plain_pickle import read_plain_pickle
from egoexobench.toolbox.storage import cache_dir, hash_json, write_text_atomic
from egoexobench_plugins.ae2_dataset.labels import find_entry
from egoexobench_plugins.ae2_dataset.videos import ListedVideo

if TYPE_CHECKING:
    from numpy.typing import NDArray

BoxSize = Literal["published", "frame", "none"]
BOX_FILE = "det_bounding_box.pickle"
NUM_BOXES = 4
PUBLISHED_SIZES: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "break_eggs": {"ego": (1024, 768), "exo": (1024, 768)},
    "pour_milk": {"ego": (640, 360), "exo": (640, 360)},
    "pour_liquid": {"ego": (320, 240), "exo": (320, 240)},
    "tennis_forehand": {"ego": (1920, 1080), "exo": (480, 360)},
}
"""Width and height by which the release scales all boxes of an activity (zihuixue/AlignEgoExo
e73d055, datasets), pixels."""
_VERSION = 1
"""Of the files that are written."""


class BoxFiles(NamedTuple):
    """The file of each video that has boxes, by its path, and why others have none."""

    files: Mapping[str, str]
    faults: Mapping[str, str]


def convert_boxes(
    path: Path, videos: Iterable[ListedVideo], activity: str, size: BoxSize, content_hash: str
) -> BoxFiles:
    """Return files of boxes in the cache; they are written when there are none of this content.

    Args:
        path: the pickle.
        videos: the videos of the activity.
        activity: decides the published size.
        size: what pixels of a box are pixels of.
        content_hash: of the pickle.

    Raises:
        DataError: if the pickle is not a dictionary, or names a function.
    """
    videos = list(videos)
    key = hash_json([_VERSION, content_hash, activity, size, [video.path for video in videos]])
    folder = cache_dir() / "frame-boxes" / key
    index = folder / "index.json"
    if index.is_file():
        stored = json.loads(index.read_text())
    else:
        content = read_plain_pickle(path)
        if not isinstance(content, dict):
            raise DataError(f"{path} contains a {type(content).__name__}; expected a dictionary")
        folder.mkdir(parents=True, exist_ok=True)
        stored = {"files": {}, "faults": {}}
        for number, video in enumerate(videos):
            values = find_entry(content, video)
            if fault := _find_fault(values):
                stored["faults"][video.path] = fault
                continue
            sides = PUBLISHED_SIZES[activity][video.view] if size == "published" else None
            write_frame_boxes(folder / f"{number}.npz", FrameBoxes(_to_array(values), sides))
            stored["files"][video.path] = f"{number}.npz"
        write_text_atomic(index, json.dumps(stored))
    files = {name: str(folder / file) for name, file in stored["files"].items()}
    return BoxFiles(files, stored["faults"])


def _to_array(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _find_fault(values: Any) -> str:
    """Return why a video has no boxes; empty if it has."""
    if values is None:
        return "the video has no boxes"
    try:
        with np.errstate(over="ignore"):  # what 32 bits cannot hold is infinite
            array = _to_array(values)
    except (ValueError, TypeError):
        return "its boxes are not an array of numbers"
    if array.ndim != 3 or array.shape[1:] != (NUM_BOXES, NUM_COLUMNS):
        return f"its boxes have the shape {array.shape}; expected (frames, 4, 10)"
    if not np.isfinite(array).all():
        return "its boxes contain NaN or infinity"
    if not np.isin(array[..., -1], range(-1, NUM_BOXES)).all():
        return "its boxes have a kind that is none of -1 to 3"
    return ""
