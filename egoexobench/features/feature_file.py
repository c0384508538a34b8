"""One file of encoder output: the safetensors format, written by hand and read by memory map.

The rows of many items lie end to end in one tensor. The header holds the item keys, the number of
rows of each and what became of its source; an item without rows is one whose source was missing (a
clip without sound), which is kept apart from zeros by construction.
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
"""Blocks that a system takes in one call, at least on Linux and macOS."""
HEADER_ALIGNMENT = 8
"""Bytes that the header's length is a multiple of, as safetensors asks for."""
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
"""Number formats by their name in the file."""
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


def missing_rows(state: str) -> FeatureRows:
    """An item whose source is missing."""
    return FeatureRows(np.zeros((0, 1), np.float32), state)


def write_feature_file(path: Path, keys: Sequence[str], items: Sequence[FeatureRows]) -> None:
    """Write items to a file.

    Args:
        path: of the file; it is not whole before this returns.
        keys: one per item.
        items: rows of one dtype and, but for the first axis, one shape.

    Raises:
        ValueError: if they are not.
    """
    rows = [np.ascontiguousarray(item.rows) for item in items if len(item.rows)]
    kinds = {(one.dtype, one.shape[1:]) for one in rows} or {(np.dtype(np.float32), (1,))}
    if len(kinds) > 1:
        message = f"rows of one shard differ in type or shape: {sorted(map(str, kinds))}"
        raise ValueError(message)
    ((dtype, shape),) = kinds
    size = sum(one.nbytes for one in rows)
    count = sum(len(one) for one in rows)
    about = {
        "keys": json.dumps(list(keys)),
        "lengths": json.dumps([len(item.rows) for item in items]),
        "states": json.dumps([item.state for item in items]),
    }
    tensor = {"dtype": DTYPE_NAMES[dtype], "shape": [count, *shape], "data_offsets": [0, size]}
    header = json.dumps({"__metadata__": about, "rows": tensor}).encode()
    header += b" " * (-len(header) % HEADER_ALIGNMENT)
    _write_buffers(path, [len(header).to_bytes(8, "little") + header, *(one.data for one in rows)])


def read_feature_file(path: Path) -> dict[str, FeatureRows]:
    """Return the items of a file by key; their rows lie in a memory map of it.

    Raises:
        DataError: if the file is not whole.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        about, tensor = header["__metadata__"], header["rows"]
        keys, lengths = json.loads(about["keys"]), json.loads(about["lengths"])
        states = [_OLD_STATES.get(state, state) for state in json.loads(about["states"])]
        rows = _map_rows(path, 8 + size, tensor)
        if not len(keys) == len(lengths) == len(states) or sum(lengths) != len(rows):
            message = f"{len(keys)} keys, {len(states)} states, {len(rows)} rows"
            raise ValueError(message)
    except (ValueError, KeyError, TypeError, OSError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(
            f"{path} is not a complete shard ({reason}); delete it and run again"
        ) from error
    edges = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    return {
        key: FeatureRows(rows[edges[i] : edges[i + 1]], states[i]) for i, key in enumerate(keys)
    }


def _write_buffers(path: Path, blocks: Sequence[bytes | memoryview]) -> None:
    """Write blocks one behind the other: the system copies them once, and nothing else does."""
    left = [memoryview(block).cast("B") for block in blocks]
    file = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o666)
    try:
        while left:
            done = os.writev(file, left[:IOV_MAX])
            while left and done >= len(left[0]):
                done -= len(left.pop(0))
            if done:
                left[0] = left[0][done:]
    finally:
        os.close(file)


def _map_rows(path: Path, offset: int, tensor: Mapping[str, Any]) -> NDArray[Any]:
    start, stop = tensor["data_offsets"]
    whole = os.path.getsize(path)
    if whole != offset + stop:
        message = f"it has {whole} bytes and not {offset + stop}"
        raise ValueError(message)
    dtype = np.dtype(DTYPES[tensor["dtype"]])
    # torch's map holds no file descriptor, so that a store may have more shards than a process
    # may have files open
    data = torch.from_file(str(path), shared=False, size=whole, dtype=torch.uint8).numpy()
    flat = np.frombuffer(data, dtype, (stop - start) // dtype.itemsize, offset + start)
    rows = flat.reshape(tensor["shape"])
    rows.flags.writeable = False
    return rows
