"""The header of a file of features: which items it has, where their rows are, and checksums.

The header names the store that the file belongs to, has the key, the number of rows, the state and
the checksum of each item, and a checksum of its own. Files of versions up to 0.1 have neither the
name of a store nor checksums.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from egoexobench.checksum import compute_checksum
from egoexobench.tensor_file import (
    CHECKSUM_KEY,
    DTYPE_NAMES,
    DTYPES,
    METADATA_KEY,
    format_tensor_header,
)

_OLD_STATES = {
    "heard": "audible",
    "no track": "no_track",
    "not asked": "not_requested",
    "seen": "decoded",
}
"""States in files of versions up to 0.1, by their name now."""
_OLD_METADATA = {"keys", "lengths", "states"}
"""Metadata of a file of versions up to 0.1."""


class FileLayout(NamedTuple):
    """Where the rows of a file are, and what they are."""

    name: str
    size: int
    """Bytes of the file."""
    offset: int
    """Bytes before the first row."""
    dtype: str
    shape: tuple[int, ...]
    """Shape of a row."""
    num_rows: int


class ItemLocation(NamedTuple):
    """The rows of an item in a file; an item of versions up to 0.1 has no checksum."""

    file: FileLayout
    start: int
    length: int
    state: str
    checksum: int | None


class ItemFormat(NamedTuple):
    """What the header says of an item."""

    key: str
    length: int
    state: str
    checksum: int


def make_header(
    items: Sequence[ItemFormat], *, store: str, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> dict[str, Any]:
    """Return the header of a file.

    Args:
        items: in the order of their rows.
        store: name of the folder that the file belongs to.
        dtype: of the rows.
        shape: of a row.
    """
    keys, lengths, states, checksums = zip(*items, strict=True)
    metadata = {
        "store": store,
        "keys": json.dumps(keys),
        "lengths": json.dumps(lengths),
        "states": json.dumps(states),
        "checksums": "".join(f"{checksum:016x}" for checksum in checksums),
    }
    shape = (sum(lengths), *shape)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    tensor = {"dtype": DTYPE_NAMES[dtype], "shape": shape, "data_offsets": [0, size]}
    header = {METADATA_KEY: metadata, "rows": tensor}
    metadata[CHECKSUM_KEY] = compute_checksum(format_tensor_header(header))
    return header


def parse_header(
    header: Mapping[str, Any], *, name: str, store: str, offset: int
) -> dict[str, ItemLocation]:
    """Return where the items of a file are, by key.

    Args:
        header: as it is in the file.
        name: of the file.
        store: name of the folder that the file is in.
        offset: bytes before the first row.

    Raises:
        ValueError: if the header is not what was written, or that of a file of another store.
        KeyError, TypeError, AttributeError: if it has another structure.
    """
    metadata = dict(header[METADATA_KEY])
    checksum = metadata.pop(CHECKSUM_KEY, None)
    is_old = checksum is None and set(metadata) == _OLD_METADATA
    if not is_old:
        content = format_tensor_header({**header, METADATA_KEY: metadata})
        if compute_checksum(content) != checksum:
            raise ValueError("the checksum of its header differs")
        if metadata["store"] != store:
            message = f"it belongs to the store {metadata['store']}"
            raise ValueError(message)
    keys, lengths = json.loads(metadata["keys"]), json.loads(metadata["lengths"])
    states = [_OLD_STATES.get(state, state) for state in json.loads(metadata["states"])]
    layout = _parse_layout(name, header["rows"], offset)
    if not len(keys) == len(lengths) == len(states) or sum(lengths) != layout.num_rows:
        message = f"{len(keys)} keys, {len(states)} states, {layout.num_rows} rows"
        raise ValueError(message)
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).tolist()
    checksums = list(_parse_checksums(metadata.get("checksums"), len(keys)))
    return {
        key: ItemLocation(layout, starts[i], lengths[i], state=states[i], checksum=checksums[i])
        for i, key in enumerate(keys)
    }


def _parse_layout(name: str, tensor: Mapping[str, Any], offset: int) -> FileLayout:
    start, stop = tensor["data_offsets"]
    num_rows, *shape = tensor["shape"]
    itemsize = np.dtype(DTYPES[tensor["dtype"]]).itemsize
    if start or stop != itemsize * np.prod([num_rows, *shape], dtype=np.int64):
        raise ValueError("its rows have another size than its header says")
    return FileLayout(
        name, offset + stop, offset, dtype=tensor["dtype"], shape=tuple(shape), num_rows=num_rows
    )


def _parse_checksums(text: str | None, count: int) -> Iterator[int | None]:
    if text is None:
        yield from [None] * count
    else:
        yield from np.frombuffer(bytes.fromhex(text), ">u8", count).tolist()
