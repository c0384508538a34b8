"""Features that were made elsewhere, by the id of a clip or by a text, as an encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, final, get_args

import numpy as np
from numpy.typing import NDArray

from egoexobench.errors import DataError, UsageError
from egoexobench.external.array_files import NamedArray, add_ids, read_array_file
from egoexobench.features.features_file import LENGTHS_KEY
from egoexobench.hashing import iter_visible_files
from egoexobench.types import Evidence, Modality, Tokens

EVIDENCE_SEPARATOR = "+"
"""Between the inputs that an option ``evidence`` names."""
_Item = tuple[str, str, NDArray[Any]]
"""File and array of an item, its id and its rows."""


@final
@dataclass(frozen=True)
class FeatureTable:
    """Features by id: tokens ``(T, dim)`` each; an encoder that computes nothing."""

    rows: Mapping[str, NDArray[np.float32]]
    dim: int
    claimed_evidence: tuple[Evidence, ...] = ()
    modality: Modality = "video"

    @property
    def frozen(self) -> bool:
        """True: nothing is trained."""
        return True

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the ids with their features, whatever the order and the format of the file."""
        total = hashlib.sha256()
        for name in sorted(self.rows):
            array = np.ascontiguousarray(self.rows[name])
            total.update(f"{len(name.encode())} {name} {array.shape}".encode())
            total.update(array.data)
        return total.hexdigest()

    def select_modality(self, modality: Modality) -> FeatureTable:
        """Return the same features for a role that takes another modality."""
        return replace(self, modality=modality)

    def get_features(self, name: str) -> NDArray[np.float32] | None:
        """Return the tokens ``(T, dim)`` of a clip or text; None if there are none."""
        return self.rows.get(name)

    def prepare(self, source: object) -> NDArray[np.generic]:
        """Raise: nothing is computed from a source."""
        del source
        raise DataError("features that were given cannot be computed from a source")

    def encode(self, values: object, mask: object) -> Tokens:
        """Raise: nothing is computed from a source."""
        del values, mask
        raise DataError("features that were given cannot be computed from a source")


def read_feature_table(
    path: Path, ids: Path | None = None, evidence: str | None = None
) -> FeatureTable:
    """Read features.

    Args:
        path: a file that `read_array_file` reads: one array ``(N, D)`` or ``(N, T, D)`` with ids,
            one ``(R, D)`` with ids and lengths as `extract --export` writes it, or one array
            ``(D,)`` or ``(T, D)`` for each id, named by the id; or a folder with a file
            ``ID.npy`` for each id, in subfolders if the id has a ``/``.
        ids: ids file of an array without ids.
        evidence: what the features are said to be computed from, such as ``video+audio``.

    Raises:
        UsageError: for an unknown format or an unknown evidence.
        DataError: for a file that cannot be read, an id that stands twice, features of another
            width, or a number that is not finite.
    """
    claimed = parse_claimed_evidence(evidence)
    if ids is not None and path.is_dir():
        raise UsageError(f"ids={ids} does not fit: the files of the folder {path} are named by id")
    items = _iter_folder(path) if path.is_dir() else _iter_file(path, ids)
    rows: dict[str, NDArray[np.float32]] = {}
    first = ""
    width = 0
    for location, name, array in items:
        if name in rows:
            raise DataError(f"{location}: id {name!r} stands twice; each clip or text has one row")
        tokens = _check_item(location, name, array)
        if not rows:
            first, width = name, tokens.shape[1]
        if tokens.shape[1] != width:
            raise DataError(
                f"{location}: the features of {name!r} have {tokens.shape[1]} dimensions, where "
                f"those of {first!r} have {width}"
            )
        rows[name] = tokens
    if not rows:
        raise DataError(f"{path} contains no features; expected ID.npy or ID/VIEW.npy in a folder")
    return FeatureTable(rows, width, claimed)


def parse_claimed_evidence(text: str | None) -> tuple[Evidence, ...]:
    """Return the inputs that ``video+audio`` names; none for None.

    Raises:
        UsageError: for an unknown one, or one that stands twice.
    """
    names = text.split(EVIDENCE_SEPARATOR) if text is not None else []
    claimed = tuple(item for item in get_args(Evidence) if item in names)
    if len(claimed) != len(names):
        valid = ", ".join(get_args(Evidence))
        raise UsageError(f"evidence={text}: expected some of {valid}, joined by + (video+audio)")
    return claimed


def _iter_folder(folder: Path) -> Iterator[_Item]:
    for path in sorted(iter_visible_files(folder)):
        if path.suffix == ".npy":
            name = path.relative_to(folder).with_suffix("").as_posix()
            yield str(path), name, read_array_file(path).arrays[0].vectors.numpy()


def _iter_file(path: Path, ids: Path | None) -> Iterator[_Item]:
    arrays = read_array_file(path).arrays
    if ids is not None:
        arrays = tuple(add_ids(arrays, [ids], "ids="))
    lengths = {
        array.name.removesuffix(LENGTHS_KEY): array
        for array in arrays
        if array.name.endswith(LENGTHS_KEY) and array.ids is None
    }
    length_names = {array.name for array in lengths.values()}
    for array in arrays:
        if array.name in length_names:
            continue
        if array.ids is not None:
            yield from _iter_array(array, lengths.get(array.name))
        elif array.name:
            yield array.location, array.name, array.vectors.numpy()
        else:
            raise UsageError(f"{path} has no ids: name an ids file with ids=FILE")


def _iter_array(array: NamedArray, lengths: NamedArray | None) -> Iterator[_Item]:
    ids, values = array.ids or (), array.vectors.numpy()
    counts: Sequence[int] = [1] * len(ids)
    if lengths is not None:
        counts = lengths.vectors.long().flatten().tolist()
    if len(counts) != len(ids) or min(counts, default=1) < 1 or sum(counts) != len(values):
        raise DataError(
            f"{array.location} has {len(values)} rows for {len(ids)} ids"
            f"{f' whose lengths have the sum {sum(counts)}' if lengths is not None else ''}"
        )
    start = 0
    for name, count in zip(ids, counts, strict=True):
        block = values[start : start + count]
        yield array.location, name, block if lengths is not None else block[0]
        start += count


def _check_item(location: str, name: str, array: NDArray[Any]) -> NDArray[np.float32]:
    """Return the tokens of an item, one for a vector."""
    if array.ndim not in (1, 2) or not array.size:
        raise DataError(
            f"{location}: the features of {name!r} have the shape {array.shape}; expected one "
            "vector (D,) or tokens (T, D)"
        )
    with np.errstate(over="ignore"):
        tokens = np.atleast_2d(array).astype(np.float32, copy=False)
    if not np.isfinite(tokens).all():
        raise DataError(f"{location}: the features of {name!r} contain NaN or infinity")
    return tokens
