"""One file of features in the safetensors format, written directly and read by memory map.

One tensor contains the rows of all items, one item after the other. The header contains the key of
each item, its number of rows, the state of its source and the checksum of its rows. It has a
checksum of its own. An item without rows is one whose source is missing, such as the sound of a
silent clip; it cannot be confused with zeros.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import xxhash
from numpy.typing import NDArray

from egoexobench.checksum import DamagedFileError, compute_checksum
from egoexobench.errors import DataError
from egoexobench.tensor_file import (
    CHECKSUM_KEY,
    METADATA_KEY,
    encode_tensor_header,
    format_tensor_header,
    read_tensor_header,
)

IOV_MAX = 1024
"""Buffers that one call of writev accepts on Linux and macOS."""
DTYPES: Mapping[str, type[np.generic]] = {
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "U8": np.uint8,
    "I8": np.int8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "BOOL": np.bool_,
}
"""Number formats by their names in the file."""
_OLD_STATES = {
    "heard": "audible",
    "no track": "no_track",
    "not asked": "not_requested",
    "seen": "decoded",
}
"""States in files of versions up to 0.1, by their name now."""
DTYPE_NAMES = {np.dtype(kind): name for name, kind in DTYPES.items()}
_OLD_METADATA = {"keys", "lengths", "states"}
"""Metadata of a file of an earlier version, which has no checksums."""


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """Rows ``(T, ...)`` of one item and the state of its source, such as ``audible``."""

    rows: NDArray[Any]
    state: str


class FileLayout(NamedTuple):
    """Where the rows of a file are, and what they are; ``offset`` and ``size`` are bytes."""

    name: str
    size: int
    offset: int
    dtype: str
    shape: tuple[int, ...]
    """Shape of a row."""
    num_rows: int


class ItemLocation(NamedTuple):
    """The rows of an item in a file; an item of an earlier version has no checksum."""

    file: FileLayout
    start: int
    length: int
    state: str
    checksum: int | None


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
    data = [array.data.cast("B") for array in rows if array.size]
    checksums = [
        hash_rows(array) if item.checksum is None else item.checksum
        for item, array in zip(items, rows, strict=True)
    ]
    metadata = {
        "keys": json.dumps([item.key for item in items]),
        "lengths": json.dumps([len(array) for array in rows]),
        "states": json.dumps([item.item.state for item in items]),
        "checksums": "".join(f"{checksum:016x}" for checksum in checksums),
    }
    shape = (sum(map(len, rows)), *shape)
    offsets = [0, sum(buffer.nbytes for buffer in data)]
    tensor = {"dtype": DTYPE_NAMES[dtype], "shape": shape, "data_offsets": offsets}
    header = {METADATA_KEY: metadata, "rows": tensor}
    metadata[CHECKSUM_KEY] = compute_checksum(format_tensor_header(header))
    _write_buffers(path, [memoryview(encode_tensor_header(header)), *data])


def read_locations(path: Path) -> dict[str, ItemLocation]:
    """Return where the items of a file are, by key.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if the header is damaged, or the file is cut short.
        DataError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            header, offset = read_tensor_header(file), file.tell()
        return _parse_header(path, header, offset)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DamagedFileError(path, reason) from error


def read_feature_file(path: Path) -> dict[str, FeatureRows]:
    """Return the items of a file by key; their rows are views of a memory map.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if anything in it is damaged.
    """
    items: dict[str, FeatureRows] = {}
    rows: NDArray[Any] | None = None
    for key, location in read_locations(path).items():
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


def _parse_header(path: Path, header: Mapping[str, Any], offset: int) -> dict[str, ItemLocation]:
    metadata = dict(header[METADATA_KEY])
    if (checksum := metadata.pop(CHECKSUM_KEY, None)) is not None or set(metadata) != _OLD_METADATA:
        content = format_tensor_header({**header, METADATA_KEY: metadata})
        if compute_checksum(content) != checksum:
            raise ValueError("the checksum of its header differs")
    keys, lengths = json.loads(metadata["keys"]), json.loads(metadata["lengths"])
    states = [_OLD_STATES.get(state, state) for state in json.loads(metadata["states"])]
    layout = _parse_layout(path, header["rows"], offset)
    if not len(keys) == len(lengths) == len(states) or sum(lengths) != layout.num_rows:
        message = f"{len(keys)} keys, {len(states)} states, {layout.num_rows} rows"
        raise ValueError(message)
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).tolist()
    checksums = list(_parse_checksums(metadata.get("checksums"), len(keys)))
    return {
        key: ItemLocation(layout, starts[i], lengths[i], state=states[i], checksum=checksums[i])
        for i, key in enumerate(keys)
    }


def _parse_layout(path: Path, tensor: Mapping[str, Any], offset: int) -> FileLayout:
    start, stop = tensor["data_offsets"]
    num_rows, *shape = tensor["shape"]
    itemsize = np.dtype(DTYPES[tensor["dtype"]]).itemsize
    if start or stop != itemsize * np.prod([num_rows, *shape], dtype=np.int64):
        raise ValueError("its rows have another size than its header says")
    size = os.path.getsize(path)
    if size != offset + stop:
        message = f"it has {size} bytes, expected {offset + stop}"
        raise ValueError(message)
    return FileLayout(
        path.name, size, offset, dtype=tensor["dtype"], shape=tuple(shape), num_rows=num_rows
    )


def _parse_checksums(text: str | None, count: int) -> Iterator[int | None]:
    if text is None:
        yield from [None] * count
    else:
        yield from np.frombuffer(bytes.fromhex(text), ">u8", count).tolist()


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
