"""One file of features in the safetensors format, written directly and read by memory map.

One tensor contains the rows of all items, one item after the other; `feature_header` describes the
header. An item without rows is one whose source is missing, such as the sound of a silent clip; it
cannot be confused with zeros.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch
import xxhash
from numpy.typing import NDArray

from egoexobench.checksum import DamagedFileError
from egoexobench.errors import DataError
from egoexobench.features.feature_header import (
    FileLayout,
    ItemFormat,
    ItemLocation,
    make_header,
    parse_header,
)
from egoexobench.tensor_file import DTYPES, encode_tensor_header, read_tensor_header

IOV_MAX = 1024
"""Buffers that one call of writev accepts on Linux and macOS."""


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """Rows ``(T, ...)`` of one item and the state of its source, such as ``audible``.

    ``frame_times (F,)`` are those of frames that were decoded for a training step, s in the file;
    None for an item of a store.
    """

    rows: NDArray[Any]
    state: str
    frame_times: NDArray[np.float64] | None = None


class StoredItem(NamedTuple):
    """An item to write; its checksum is computed if it is None."""

    key: str
    item: FeatureRows
    checksum: int | None = None


def make_missing_rows(state: str) -> FeatureRows:
    """Return an item whose source is missing."""
    return FeatureRows(np.zeros((0, 1), np.float32), state)


def write_feature_file(path: Path, items: Sequence[StoredItem]) -> None:
    """Write items to a file.

    Args:
        path: the file; it is incomplete until this function returns.
        items: their rows have one dtype and, but for the first axis, one shape.

    Raises:
        ValueError: if they have not.
    """
    rows = [np.ascontiguousarray(item.item.rows) for item in items]
    formats = {(array.dtype, array.shape[1:]) for array in rows if len(array)}
    formats = formats or {(np.dtype(np.float32), (1,))}
    if len(formats) > 1:
        message = f"rows of one file differ in dtype or shape: {sorted(map(str, formats))}"
        raise ValueError(message)
    ((dtype, shape),) = formats
    item_formats = [
        ItemFormat(
            item.key,
            len(array),
            state=item.item.state,
            checksum=hash_rows(array) if item.checksum is None else item.checksum,
        )
        for item, array in zip(items, rows, strict=True)
    ]
    header = make_header(item_formats, store=path.parent.name, dtype=dtype, shape=shape)
    data = [array.data.cast("B") for array in rows if array.size]
    _write_buffers(path, [memoryview(encode_tensor_header(header)), *data])


def read_locations(path: Path, *, require_checksums: bool = True) -> dict[str, ItemLocation]:
    """Return where the items of a file are, by key.

    Args:
        path: the file.
        require_checksums: False for files that versions up to 0.1 wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if the header is damaged or that of another store, or the file has
            another size.
        DataError: if it cannot be read.
    """
    locations, size = _read_header(path)
    _check_locations(path, locations, size, require_checksums=require_checksums)
    return locations


def read_remote_locations(
    path: Path, file: BinaryIO, size: int, *, require_checksums: bool = True
) -> dict[str, ItemLocation]:
    """Return where the items of a file will be, by key, before it is downloaded.

    Args:
        path: the file to which it would be downloaded.
        file: its first bytes, with the complete header.
        size: bytes of the file.
        require_checksums: False for files that versions up to 0.1 wrote.

    Raises:
        DamagedFileError: as `read_locations`.
    """
    locations = _parse_file(path, file, size)
    _check_locations(path, locations, size, require_checksums=require_checksums)
    return locations


def read_intact_items(path: Path) -> Iterator[StoredItem]:
    """Yield the items of a file that may be cut or damaged whose rows equal their checksums.

    There are none if the file is gone, or if its header is damaged.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        locations, _ = _read_header(path)
        for key, location in locations.items():
            if location.checksum is None:
                continue
            rows = read_rows(path, location)
            if hash_rows(rows) == location.checksum:
                yield StoredItem(key, FeatureRows(rows, location.state), location.checksum)
    except (FileNotFoundError, DamagedFileError):  # no row is behind the end of a file
        return


def read_feature_file(path: Path) -> dict[str, FeatureRows]:
    """Return the items of a file by key, also of versions up to 0.1; their rows are memory maps.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if anything in it is damaged.
    """
    items: dict[str, FeatureRows] = {}
    rows: NDArray[Any] | None = None
    for key, location in read_locations(path, require_checksums=False).items():
        rows = map_rows(path, location.file) if rows is None else rows
        item = cut_rows(rows, location)
        if not is_intact(item, location):
            raise DamagedFileError(path, f"the rows of {key} differ from their checksum")
        items[key] = FeatureRows(item, location.state)
    return items


def cut_rows(rows: NDArray[Any], location: ItemLocation) -> NDArray[Any]:
    """Return the rows of an item from those of its file."""
    return rows[location.start : location.start + location.length]


def is_intact(rows: NDArray[Any], location: ItemLocation) -> bool:
    """Whether the rows of an item are those that were written, as far as this can be told."""
    return location.checksum is None or hash_rows(rows) == location.checksum


def hash_rows(rows: NDArray[Any]) -> int:
    """Return the XXH3 checksum, 64 bits, of the bytes of contiguous rows."""
    return xxhash.xxh3_64_intdigest(rows.data if rows.size else b"")


def map_rows(path: Path, layout: FileLayout) -> NDArray[Any]:
    """Return the rows of a file as a memory map.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if it does not have the size that it had.
    """
    size = os.path.getsize(path)
    if size != layout.size:
        raise DamagedFileError(path, f"it has {size} bytes, expected {layout.size}")
    # torch's memory map keeps no file descriptor. So a store may have more files than a process
    # may have open.
    data = torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8).numpy()
    dtype = np.dtype(DTYPES[layout.dtype])
    flat = np.frombuffer(data, dtype, (size - layout.offset) // dtype.itemsize, layout.offset)
    rows = flat.reshape(layout.num_rows, *layout.shape)
    rows.flags.writeable = False
    return rows


def read_rows(path: Path, location: ItemLocation) -> NDArray[Any]:
    """Return the rows of one item in memory.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if it is cut short.
    """
    layout = location.file
    dtype = np.dtype(DTYPES[layout.dtype])
    num_values = int(np.prod(layout.shape, dtype=np.int64))
    offset = layout.offset + location.start * num_values * dtype.itemsize
    values = np.fromfile(path, dtype, location.length * num_values, offset=offset)
    if len(values) != location.length * num_values:
        raise DamagedFileError(path, f"it has less than {layout.size} bytes")
    rows = values.reshape(location.length, *layout.shape)
    rows.flags.writeable = False
    return rows


def _read_header(path: Path) -> tuple[dict[str, ItemLocation], int]:
    """Return where the items of a file should be, by key, and its size in bytes."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return _parse_file(path, file, size), size
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def _parse_file(path: Path, file: BinaryIO, size: int) -> dict[str, ItemLocation]:
    try:
        header, offset = read_tensor_header(file, size), file.tell()
        return parse_header(header, name=path.name, store=path.parent.name, offset=offset)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DamagedFileError(path, reason) from error


def _check_locations(
    path: Path, locations: Mapping[str, ItemLocation], size: int, *, require_checksums: bool
) -> None:
    first = next(iter(locations.values()), None)
    if first and size != first.file.size:
        raise DamagedFileError(path, f"it has {size} bytes, expected {first.file.size}")
    if first and first.checksum is None and require_checksums:
        raise DamagedFileError(path, "it has no checksums")


def _write_buffers(path: Path, blocks: Sequence[memoryview]) -> None:
    """Write buffers one after the other without joining them in memory."""
    remaining = list(reversed(blocks))
    file = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o666)
    try:
        while remaining:
            written = os.writev(file, remaining[: -IOV_MAX - 1 : -1])
            while remaining and written >= remaining[-1].nbytes:
                written -= remaining.pop().nbytes
            if written:
                remaining[-1] = remaining[-1][written:]
    finally:
        os.close(file)
