"""Reads embeddings of frames that were made elsewhere, and what a frame track needs beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from egoexobench.errors import DataError
from egoexobench.evaluation.frame_embeddings import FrameEmbeddings
from egoexobench.external.array_files import read_array_file
from egoexobench.hashing import hash_json

if TYPE_CHECKING:
    from egoexobench.types import View

ARRAYS = ("embeds", "labels", "lengths", "is_ego")
"""The arrays of each split."""
MAX_NUMBER = 2**31 - 1
"""Of labels and frames, so that their sums are exact."""
SPLIT_NAMES = {"train": ("train",), "test": ("test", "eval")}
"""What stands in front of their names."""


@final
class FrameFile(NamedTuple):
    """The frames of both splits of a file, and how many phases they have."""

    train: FrameEmbeddings
    test: FrameEmbeddings
    num_phases: int

    @property
    def track_fingerprint(self) -> str:
        """Hash of what embeddings are scored against: labels, lengths and views of both splits."""
        return hash_json(
            [
                [side.labels.tolist(), side.lengths.tolist(), side.views]
                for side in (self.train, self.test)
            ]
        )


def read_frame_file(path: Path) -> FrameFile:
    """Read a file of frame embeddings: .npz, .safetensors, .pt or .pth.

    For the splits ``train`` and ``test``, which may also be named ``eval``: ``train_embeds``
    ``(N, D)``, the frames of one video after another; ``train_labels`` ``(N,)``, phases from 0, and
    -1 for a frame without one; ``train_lengths`` ``(V,)``, frames of each video; and
    ``train_is_ego``, 0 or 1 for each frame or for each video.

    Raises:
        DataError: if an array is missing or does not belong to the others, with the row.
        UsageError: for another format.
    """
    file = read_array_file(path)
    arrays = {array.name: array.vectors.numpy() for array in file.arrays}
    train, test = (_read_split(path, split, arrays) for split in SPLIT_NAMES)
    num_phases = 1 + max(int(side.labels.max()) for side in (train, test))
    if not num_phases:
        raise DataError(f"{path}: no frame has a phase; labels are 0 or more, and -1 is none")
    return FrameFile(train, test, num_phases)


def _read_split(
    path: Path, split: str, arrays: Mapping[str, NDArray[np.generic]]
) -> FrameEmbeddings:
    names = {
        kind: next((f"{x}_{kind}" for x in SPLIT_NAMES[split] if f"{x}_{kind}" in arrays), None)
        for kind in ARRAYS
    }
    missing = [f"{split}_{kind}" for kind, name in names.items() if name is None]
    if missing:
        raise DataError(
            f"{path} lacks {', '.join(missing)}; a file of frames has the arrays "
            f"{', '.join(f'{split}_{kind}' for kind in ARRAYS)}, and so for the other split; it "
            f"has {', '.join(sorted(arrays)) or 'none'}"
        )
    embeds, *integers = (arrays[str(name)] for name in names.values())
    labels, lengths, is_ego = (
        _read_integers(path, str(names[kind]), values)
        for kind, values in zip(ARRAYS[1:], integers, strict=True)
    )
    empty = np.flatnonzero(lengths < 1)
    if len(empty):
        raise DataError(
            f"{path}: {names['lengths']}, row {empty[0]}: {lengths[empty[0]]} frames; the least "
            "is 1"
        )
    total = int(lengths.sum())
    if embeds.ndim != 2:
        raise DataError(f"{path}: {names['embeds']} has the shape {embeds.shape}; expected (N, D)")
    for kind, values in (("embeds", embeds), ("labels", labels)):
        if len(values) != total:
            raise DataError(
                f"{path}: {names[kind]} has {len(values)} rows, and the {len(lengths)} videos of "
                f"{names['lengths']} have {total} frames in total"
            )
    try:
        with np.errstate(over="ignore"):  # what 32 bits cannot hold is refused as infinite
            vectors = embeds.astype(np.float32)
        return FrameEmbeddings(
            clip_ids=tuple(f"{split} {row}" for row in range(len(lengths))),
            views=_read_views(str(names["is_ego"]), is_ego, lengths),
            lengths=lengths,
            vectors=vectors,
            labels=labels,
            times=np.concatenate([np.arange(float(length)) for length in lengths]),
        )
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _read_integers(path: Path, name: str, values: NDArray[np.generic]) -> NDArray[np.int64]:
    if values.ndim != 1 or not len(values):
        raise DataError(f"{path}: {name} has the shape {values.shape}; expected one axis with rows")
    numbers = values.astype(float)
    broken = np.flatnonzero(~((numbers == np.round(numbers)) & (abs(numbers) <= MAX_NUMBER)))
    if len(broken):
        raise DataError(
            f"{path}: {name}, row {broken[0]}: {numbers[broken[0]]:g} is no whole number of at "
            f"most {MAX_NUMBER:,}"
        )
    return numbers.astype(np.int64)


def _read_views(
    name: str, is_ego: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[View, ...]:
    """Return the view of each video; its frames are of one view."""
    other = np.flatnonzero((is_ego != 0) & (is_ego != 1))
    if len(other):
        raise DataError(f"{name}, row {other[0]}: {is_ego[other[0]]} is neither 0 nor 1")
    if len(is_ego) == lengths.sum():
        starts = np.cumsum(lengths) - lengths
        first = is_ego[starts]
        mixed = np.flatnonzero(is_ego != np.repeat(first, lengths))
        if len(mixed):
            raise DataError(f"{name}, row {mixed[0]}: differs from other frames of its video")
        is_ego = first
    if len(is_ego) != len(lengths):
        raise DataError(
            f"{name} has {len(is_ego)} rows; expected one for each of {lengths.sum()} frames or "
            f"{len(lengths)} videos"
        )
    return tuple("ego" if value else "exo" for value in is_ego)
