"""The file of frames beside a record: what the tracks of frames were scored on.

``ID.frames.safetensors`` has for each of the splits train and test the tensors ``SPLIT.lengths``
``(V,)``, ``SPLIT.labels`` ``(N,)`` and ``SPLIT.times`` ``(N,)`` and, if embeddings are written,
``SPLIT.vectors`` float32 ``(N, D)``: see `egoexobench.evaluation.frame_embeddings`. The header has
ids, views and activities of the videos, the names of the phases, and how the frames are scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open

from egoexobench.errors import DataError
from egoexobench.evaluation.frame_embeddings import FrameEmbeddings
from egoexobench.evaluation.labeled_frames import LabeledFrames
from egoexobench.records.field_types import RecordModel
from egoexobench.records.store import first_error
from egoexobench.tensor_file import check_tensor_file, write_arrays
from egoexobench.types import View

HEADER_KEY = "frames"
SPLITS = ("train", "test")
_DTYPES: Mapping[str, type[np.generic]] = {
    "lengths": np.int64,
    "labels": np.int64,
    "times": np.float64,
    "vectors": np.float32,
}


@final
class FramesHeader(RecordModel):
    """What the header says of both splits."""

    clips: dict[str, tuple[str, ...]]
    views: dict[str, tuple[View, ...]]
    activities: dict[str, tuple[str, ...]]
    phases: tuple[str, ...] = Field(min_length=1)
    has_time_column: bool
    stride: int = Field(ge=1)


def write_frames_file(path: Path, frames: LabeledFrames, *, with_vectors: bool) -> None:
    """Write frames atomically.

    Args:
        path: the safetensors file.
        frames: of both splits.
        with_vectors: False leaves the embeddings out.
    """
    sides = dict(zip(SPLITS, (frames.train, frames.test), strict=True))
    header = FramesHeader(
        clips={split: side.clip_ids for split, side in sides.items()},
        views={split: side.views for split, side in sides.items()},
        activities={split: side.activities for split, side in sides.items()},
        phases=frames.phase_names,
        has_time_column=frames.has_time_column,
        stride=frames.stride,
    )
    names = [name for name in _DTYPES if with_vectors or name != "vectors"]
    arrays = {
        f"{split}.{name}": np.ascontiguousarray(getattr(side, name), _DTYPES[name])
        for split, side in sides.items()
        for name in names
    }
    write_arrays(path, arrays, {HEADER_KEY: header.model_dump_json()})


def read_frames_file(path: Path) -> LabeledFrames:
    """Return the frames of a file; without embeddings ``has_vectors`` is False.

    Raises:
        DataError: if the file is of another kind or damaged, or its arrays do not fit together.
    """
    check_tensor_file(path)
    try:
        with safe_open(path, framework="np") as file:
            header = FramesHeader.model_validate_json((file.metadata() or {})[HEADER_KEY])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except ValidationError as error:
        raise DataError(f"{path}: its header is wrong: {first_error(error)}") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} contains no frames of a run: {reason}") from error
    has_vectors = "train.vectors" in arrays
    names = [name for name in _DTYPES if has_vectors or name != "vectors"]
    expected = {f"{split}.{name}" for split in SPLITS for name in names}
    if differing := arrays.keys() ^ expected:
        raise DataError(f"{path}: tensor {min(differing)!r} is missing or foreign")
    try:
        train, test = (_make_side(header, arrays, split) for split in SPLITS)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    return LabeledFrames(
        train=train,
        test=test,
        phase_names=header.phases,
        has_time_column=header.has_time_column,
        stride=header.stride,
        has_vectors=has_vectors,
    )


def _make_side(
    header: FramesHeader, arrays: Mapping[str, NDArray[Any]], split: str
) -> FrameEmbeddings:
    for name in ("clips", "views", "activities"):
        if split not in getattr(header, name):
            raise DataError(f"its header has no {name} of {split}")
    fields = {name: arrays[f"{split}.{name}"] for name in _DTYPES if f"{split}.{name}" in arrays}
    for name, array in fields.items():
        num_axes = 2 if name == "vectors" else 1
        if array.dtype != _DTYPES[name] or array.ndim != num_axes:
            raise DataError(f"{split}.{name} is {array.dtype} of shape {array.shape}")
    # the arrays are checked as they are; nothing reads vectors that are not there
    fields.setdefault("vectors", np.zeros((len(fields["labels"]), 1), np.float32))
    side = FrameEmbeddings(
        clip_ids=header.clips[split],
        views=header.views[split],
        activities=header.activities[split],
        **fields,
    )
    if len(set(side.clip_ids)) < len(side.clip_ids):
        raise DataError(f"{split} has a clip twice")
    if (side.labels >= len(header.phases)).any():
        raise DataError(f"{split} has a label that is no phase")
    return side
