"""The relevance of texts to clips: computed from classes, and compared with one that is given."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from egoexobench.errors import DataError
from egoexobench.toolbox.array_errors import DAMAGED_ARRAY_ERRORS
from egoexobench.toolbox.plain_pickle import read_plain_pickle
from egoexobench.types import AnnotationIssue
from egoexobench_plugins.ek100_mir.rows import ClipRow, RetrievalTables

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOLERANCE = 1e-5
"""Distance from the computed value of one that is the same."""
LARGEST_SHARE = 0.01
"""Of rows that may differ from the computed ones; more are another order or another formula."""
MATRIX_FORMATS = (".npy", ".npz", ".pkl")


def compute_relevance(clips: Sequence[ClipRow], texts: Sequence[ClipRow]) -> NDArray[np.float32]:
    """Return the relevance ``(V, T)`` of texts to clips, from 0 to 1.

    It is half the equality of the classes of the verbs, and half the size of the intersection of
    the classes of the nouns over that of their union (EPIC-KITCHENS-100, multi-instance retrieval).

    Args:
        clips: the rows of the clips.
        texts: the row of a clip that each text is the narration of.
    """
    classes = sorted({noun for row in (*clips, *texts) for noun in row.all_noun_classes})
    nouns, text_nouns = (_encode_nouns(side, classes) for side in (clips, texts))
    relevance = nouns @ text_nouns.T
    relevance /= nouns.sum(1)[:, None] + text_nouns.sum(1)[None] - relevance
    verbs, text_verbs = (np.array([row.verb_class for row in side]) for side in (clips, texts))
    relevance += verbs[:, None] == text_verbs[None]
    relevance /= 2
    return relevance


def read_relevance(
    path: Path, tables: RetrievalTables, computed: NDArray[np.float32]
) -> tuple[NDArray[np.float32], str, list[AnnotationIssue]]:
    """Return a matrix of a file, its hash, and the rows that differ from the computed ones.

    Raises:
        DataError: for another format or shape, values that are not from 0 to 1, or if so many rows
            differ that they are in another order, with the first of them.
    """
    matrix = _read_array(path)
    if matrix.shape != computed.shape:
        raise DataError(
            f"{path} has the shape {matrix.shape}; the tables have {computed.shape[0]} clips and "
            f"{computed.shape[1]} texts"
        )
    if matrix.dtype.kind != "f" or not bool(((matrix >= 0) & (matrix <= 1)).all()):
        raise DataError(f"{path} has values that are not from 0 to 1")
    relevance = matrix.astype(np.float32)
    differing = np.flatnonzero((np.abs(relevance - computed) > TOLERANCE).any(1)).tolist()
    lines = [_describe_row(row, tables, relevance, computed) for row in differing]
    if len(differing) > LARGEST_SHARE * len(computed):
        raise DataError(
            f"{path} is in another order than the tables, or of another formula: "
            f"{len(differing)} of {len(computed)} rows differ from those of the classes, the first "
            f"is {lines[0]}"
        )
    issues = [
        AnnotationIssue(path.name, f"row {row + 1}", line, dropped=False)
        for row, line in zip(differing, lines, strict=True)
    ]
    return relevance, _hash_file(path), issues


def _read_array(path: Path) -> NDArray[Any]:
    if path.suffix not in MATRIX_FORMATS:
        raise DataError(f"{path} is not {', '.join(MATRIX_FORMATS)}")
    try:
        if path.suffix == ".pkl":
            content = read_plain_pickle(path)
        else:
            content = np.load(path, allow_pickle=False)
            content = content if isinstance(content, np.ndarray) else content[min(content.files)]
    except DAMAGED_ARRAY_ERRORS as error:
        raise DataError(f"{path} has no array of numbers: {error}") from error
    if not isinstance(content, np.ndarray):
        raise DataError(f"{path} has no array of numbers")
    return content


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _encode_nouns(rows: Sequence[ClipRow], classes: Sequence[int]) -> NDArray[np.float32]:
    columns = {noun: column for column, noun in enumerate(classes)}
    encoded = np.zeros((len(rows), len(classes)), dtype=np.float32)
    for number, row in enumerate(rows):
        encoded[number, [columns[noun] for noun in row.all_noun_classes]] = 1
    return encoded


def _describe_row(
    row: int,
    tables: RetrievalTables,
    relevance: NDArray[np.float32],
    computed: NDArray[np.float32],
) -> str:
    column = int(np.abs(relevance[row] - computed[row]).argmax())
    number, clip = tables.clips[row]
    return (
        f"row {row + 1}, of clip {clip.narration_id!r} ({tables.names[0]}, row {number}): the text "
        f"{tables.texts[column][1].narration!r} has {relevance[row, column]:.4g}, where the "
        f"classes give {computed[row, column]:.4g}"
    )
