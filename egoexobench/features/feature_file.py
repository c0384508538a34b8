"""One file of features in the safetensors format, written directly and read by memory map.

One tensor contains the rows of all items, one item after the other. The header contains the key of
each item, its number of rows and the state of its source. An item without rows is one whose source
is missing, such as the sound of a silent clip; it cannot be confused with zeros.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egoexobench.errors import DataError

IOV_MAX = 1024
"""Buffers that one call of writev accepts on Linux and macOS."""
HEADER_ALIGNMENT = 8
"""The length of the header is a multiple of this number of bytes, as safetensors requires."""
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


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """Rows ``(T, ...)`` of one item and the state of its source, such as ``audible``."""

    rows: NDArray[Any]
    state: str


def make_missing_rows(state: str) -> FeatureRows:
    """Return an item whose source is missing."""
    return FeatureRows(np.zeros((0, 1), np.float32), state)


def write_feature_file(path: Path, keys: Sequence[str], items: Sequence[FeatureRows]) -> None:
    """Write items to a file.

    Args:
        path: the file; it is incomplete until this function returns.
        keys: one per item.
        items: rows of one dtype and, but for the first axis, one shape.

    Raises:
        ValueError: if they are not.
    """
    rows = [np.ascontiguousarray(item.rows) for item in items if len(item.rows)]
    formats = {(item.dtype, item.shape[1:]) for item in rows} or {(np.dtype(np.float32), (1,))}
    if len(formats) > 1:
        message = f"rows of one file differ in dtype or shape: {sorted(map(str, formats))}"
        raise ValueError(message)
    ((dtype, shape),) = formats
    size = sum(item.nbytes for item in rows)
    count = sum(len(item) for item in rows)
    metadata = {
        "keys": json.dumps(list(keys)),
        "lengths": json.dumps([len(item.rows) for item in items]),
        "states": json.dumps([item.state for item in items]),
    }
    tensor = {"dtype": DTYPE_NAMES[dtype], "shape": [count, *shape], "data_offsets": [0, size]}
    header = json.dumps({"__metadata__": metadata, "rows": tensor}).encode()
    header += b" " * (-len(header) % HEADER_ALIGNMENT)
    _write_buffers(
        path, [len(header).to_bytes(8, "little") + header, *(item.data for item in rows)]
    )


def read_feature_file(path: Path) -> dict[str, FeatureRows]:
    """Return the items of a file by key; their rows are views of a memory map.

    Raises:
        DataError: if the file is not complete.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        metadata, tensor = header["__metadata__"], header["rows"]
        keys, lengths = json.loads(metadata["keys"]), json.loads(metadata["lengths"])
        states = [_OLD_STATES.get(state, state) for state in json.loads(metadata["states"])]
        rows = _map_rows(path, 8 + size, tensor)
        if not len(keys) == len(lengths) == len(states) or sum(lengths) != len(rows):
            message = f"{len(keys)} keys, {len(states)} states, {len(rows)} rows"
            raise ValueError(message)
    except (ValueError, KeyError, TypeError, OSError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(
            f"{path} is not a complete feature file ({reason}); delete it and run again"
        ) from error
    edges = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    return {
        key: FeatureRows(rows[edges[i] : edges[i + 1]], states[i]) for i, key in enumerate(keys)
    }


def _write_buffers(path: Path, blocks: Sequence[bytes | memoryview]) -> None:
    """Write buffers one after the other without joining them in memory."""
    remaining = [memoryview(block).cast("B") for block in blocks]
    file = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o666)
    try:
        while remaining:
            written = os.writev(file, remaining[:IOV_MAX])
            while remaining and written >= len(remaining[0]):
                written -= len(remaining.pop(0))
            if written:
                remaining[0] = remaining[0][written:]
    finally:
        os.close(file)


def _map_rows(path: Path, offset: int, tensor: Mapping[str, Any]) -> NDArray[Any]:
    start, stop = tensor["data_offsets"]
    size = os.path.getsize(path)
    if size != offset + stop:
        message = f"it has {size} bytes, expected {offset + stop}"
        raise ValueError(message)
    dtype = np.dtype(DTYPES[tensor["dtype"]])
    # torch's memory map keeps no file descriptor. So a store may have more files than a process
    # may have open.
    data = torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8).numpy()
    flat = np.frombuffer(data, dtype, (stop - start) // dtype.itemsize, offset + start)
    rows = flat.reshape(tensor["shape"])
    rows.flags.writeable = False
    return rows
