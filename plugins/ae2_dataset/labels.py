"""The phases of frames, from the pickle of an activity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from egoexobench.data.file_times import read_file_times
from egoexobench.errors import DataError, MediaError
from egoexobench.toolbox.plain_pickle import read_plain_pickle
from egoexobench.types import MAX_PHASES, AnnotationIssue
from egoexobench_plugins.ae2_dataset.videos import ListedVideo

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABEL_FILE = "label.pickle"


class VideoLabels(NamedTuple):
    """The time of each frame of a video, s, and its phase; both ``(F,)``."""

    times: NDArray[np.float64]
    phases: NDArray[np.int64]


def read_labels(
    path: Path, videos: Iterable[ListedVideo]
) -> tuple[dict[str, VideoLabels], list[AnnotationIssue]]:
    """Return the labels by path of the video, and the videos whose labels cannot be used.

    A video whose file is missing or does not open has no labels and no issue here, since the
    harness says so itself.

    Raises:
        DataError: if the pickle is not a dictionary of lists, or names a function.
    """
    content = read_plain_pickle(path)
    if not isinstance(content, dict):
        raise DataError(f"{path} contains a {type(content).__name__}; expected a dictionary")
    labels: dict[str, VideoLabels] = {}
    issues: list[AnnotationIssue] = []
    for video in videos:
        try:
            times = read_file_times(str(path.parent / video.path))
        except MediaError:
            continue
        phases = find_entry(content, video)
        if reason := _find_fault(phases, len(times)):
            issues.append(AnnotationIssue(LABEL_FILE, video.path, reason))
        else:
            labels[video.path] = VideoLabels(times, np.array(phases, np.int64))
    return labels, issues


def find_entry(content: Mapping[Any, Any], video: ListedVideo) -> Any:
    """Return what a pickle has of a video; None if it does not name it."""
    return next((content[name] for name in video.names if name in content), None)


def _find_fault(phases: Any, num_frames: int) -> str:
    if num_frames < 2:
        return f"the video has {num_frames} frame; phases need two or more"
    if phases is None:
        return "the video has no labels"
    try:
        array = np.asarray(phases) if isinstance(phases, list | tuple | np.ndarray) else None
    except (ValueError, OverflowError):  # lists of different lengths
        array = None
    is_valid = array is not None and array.ndim == 1 and array.dtype.kind in "iu"
    if array is None or not is_valid or not ((array >= 0) & (array < MAX_PHASES)).all():
        return f"its labels are not a list of whole numbers from 0 to {MAX_PHASES - 1}"
    if len(array) != num_frames:
        return f"the video has {num_frames} frames, and {len(array)} labels"
    return ""
