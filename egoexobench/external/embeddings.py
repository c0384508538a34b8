"""Joins arrays of embeddings that were made elsewhere, and checks them row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from egoexobench.errors import DataError, format_exception_line, notify
from egoexobench.evaluation.arrays import find_nonfinite_rows
from egoexobench.external.array_files import NamedArray, add_ids, read_array_file
from egoexobench.records.bundle import TEXTS, VIDEOS
from egoexobench.types import SPLITS, VIEWS, Embeddings

VIDEO_NAMES = (
    VIDEOS,
    *VIEWS,
    *(f"{VIDEOS}.{split}" for split in SPLITS),
    *(f"{view}.{split}" for view in VIEWS for split in SPLITS),
)
"""Names of arrays with embeddings of clips."""
TEXT_NAMES = (TEXTS, *(f"{TEXTS}.{split}" for split in SPLITS))
"""Names of arrays with embeddings of texts."""
CHUNK_ROWS = 4096
"""Rows that are checked at once."""


@dataclass(frozen=True, slots=True)
class ExternalEmbeddings:
    """Embeddings of clips, of texts, or of both, as float32; ids are unique."""

    videos: Embeddings
    texts: Embeddings | None

    @property
    def content(self) -> str:
        """SHA-256 of the ids with their vectors; the order of the rows does not matter."""
        total = hashlib.sha256()
        for side in filter(None, (self.videos, self.texts)):
            rows = sorted(
                hashlib.sha256(name.encode() + b"\0" + row.tobytes()).digest()
                for name, row in zip(side.ids, side.vectors.numpy(), strict=True)
            )
            total.update(b"".join(rows) + b"\n")
        return total.hexdigest()


def read_embedding_files(
    files: Sequence[Path],
    ids: Sequence[Path] = (),
    *,
    texts: Sequence[Path] = (),
    text_ids: Sequence[Path] = (),
) -> tuple[ExternalEmbeddings, list[Mapping[str, str]]]:
    """Return the embeddings of some files, and what each file says of itself.

    Args:
        files: of clips, and of texts in arrays named ``texts``.
        ids: ids files of the arrays without ids, in their order.
        texts: files of which every array has texts.
        text_ids: as ``ids``, for ``texts``.

    Raises:
        UsageError: for an unknown format, or another number of ids files than is needed.
        DataError: for a file or an array that cannot be used.
    """
    read = [read_array_file(file) for file in files]
    read_texts = [read_array_file(file) for file in texts]
    arrays = add_ids([array for file in read for array in file.arrays], ids, "--ids")
    text_arrays = add_ids(
        [array for file in read_texts for array in file.arrays], text_ids, "--text-ids"
    )
    headers = [file.metadata for file in (*read, *read_texts)]
    return join_arrays(arrays, text_arrays), headers


def join_arrays(
    arrays: Sequence[NamedArray], texts: Sequence[NamedArray] = ()
) -> ExternalEmbeddings:
    """Join the arrays of clips to one, and those of texts to another.

    Args:
        arrays: each with ids. One that is named ``texts`` has texts; others have clips, under the
            name ``videos``, ``ego`` or ``exo``, also with a split (``videos.train``), or no name.
        texts: arrays of texts, whatever their name.

    Raises:
        DataError: for a name that says neither, an array that is no matrix, a width that differs,
            an id that stands twice, or a vector that is not finite.
    """
    named_texts = [array for array in arrays if array.name in TEXT_NAMES]
    videos = [array for array in arrays if array.name not in TEXT_NAMES]
    for array in videos:
        if array.name and array.name not in VIDEO_NAMES:
            raise DataError(
                f"{array.location}: an array is named videos, ego, exo or texts, also with a split "
                "such as videos.train"
            )
    if not videos:
        raise DataError("there are no embeddings of clips: an array is named videos, ego or exo")
    all_texts = [*named_texts, *texts]
    result = ExternalEmbeddings(
        _join_side("clip", videos), _join_side("text", all_texts) if all_texts else None
    )
    _check_widths(result, videos[0], all_texts)
    return result


def _check_widths(
    result: ExternalEmbeddings, video: NamedArray, texts: Sequence[NamedArray]
) -> None:
    if result.texts is None:
        return
    widths = [side.vectors.shape[1] for side in (result.videos, result.texts)]
    if widths[0] != widths[1]:
        raise DataError(
            f"{video.location} has {widths[0]} dimensions and {texts[0].location} has {widths[1]}: "
            "a clip and a text are compared, so that both need one width; leave out the texts to "
            "score clips alone"
        )


def _join_side(noun: str, arrays: Sequence[NamedArray]) -> Embeddings:
    owners: dict[str, str] = {}
    for array in arrays:
        _check_shape(array, arrays[0])
        for name in array.ids or ():
            if name in owners:
                places = dict.fromkeys((owners[name], array.location))
                raise DataError(
                    f"{noun} {name!r} stands twice in {' and '.join(places)}: an id says which "
                    f"{noun}, so that each has one row; `egoexobench data items` lists the ids"
                )
            owners[name] = array.location
    vectors = torch.empty(len(owners), arrays[0].vectors.shape[1])
    start, zeros = 0, []
    for array in arrays:
        for rows in range(0, len(array.vectors), CHUNK_ROWS):
            block = array.vectors[rows : rows + CHUNK_ROWS]
            part = vectors[start + rows : start + rows + len(block)].copy_(block)
            names = (array.ids or ())[rows : rows + CHUNK_ROWS]
            zeros += _check_rows(noun, array, names, part)
        start += len(array.vectors)
    if zeros:
        notify(
            f"{len(zeros)} of {len(owners)} embeddings of {noun}s are zero vectors, first that of "
            f"{zeros[0]!r}: their cosine with everything is 0"
        )
    return Embeddings(tuple(owners), vectors)


def _check_shape(array: NamedArray, first: NamedArray) -> None:
    shape, ids = tuple(array.vectors.shape), array.ids or ()
    if len(shape) != 2 or not all(shape):
        raise DataError(
            f"{array.location} has the shape {shape}; expected (N, D), one row for each id"
        )
    if len(ids) != shape[0]:
        raise DataError(f"{array.location} has {shape[0]} rows and {len(ids)} ids")
    width = first.vectors.shape[1]
    if shape[1] != width:
        raise DataError(
            f"{array.location} has {shape[1]} dimensions, where {first.location} has {width}"
        )


def _check_rows(noun: str, array: NamedArray, names: Sequence[str], vectors: Tensor) -> list[str]:
    """Return the names of zero vectors, after a check that all numbers are finite."""
    broken = find_nonfinite_rows(vectors)
    if len(broken):
        name = names[int(broken[0])]
        raise DataError(
            f"{array.location}: the embedding of {noun} {name!r} contains NaN or infinity, or a "
            "number that 32 bits cannot hold"
        )
    return [names[row] for row in (~vectors.any(1)).nonzero()[:, 0].tolist()]


def to_named_array(argument: str, vectors: Mapping[str, object] | Embeddings) -> NamedArray:
    """Return vectors by id, or embeddings, as an array of the name of their argument.

    Raises:
        DataError: if the values are no vectors of one length.
    """
    location = Path(f"argument {argument!r}")
    if isinstance(vectors, Embeddings):
        return NamedArray(location, "", torch.as_tensor(vectors.vectors), tuple(vectors.ids))
    try:
        rows = [torch.as_tensor(item) for item in vectors.values()]
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{location}: {format_exception_line(error)}; expected vectors") from None
    if not rows or {row.shape for row in rows} != {rows[0].shape} or rows[0].ndim != 1:
        raise DataError(f"{location}: the values are no vectors of one length")
    return NamedArray(location, "", torch.stack(rows), tuple(vectors))


def find_absent(ids: Iterable[str], embeddings: Embeddings | None) -> list[str]:
    """Return the ids without an embedding."""
    index = embeddings.index if embeddings else {}
    return [name for name in ids if name not in index]
