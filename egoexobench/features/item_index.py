"""The index of a feature store: where each item is, so that a store opens without its files.

The index is derived from the headers of the files and names every file that it covers. It is
written as a whole and renamed. So no process ever waits for another one, and a process that is
killed leaves the index of before. Files that an index does not name are read beside it.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from safetensors.numpy import load_file

from egoexobench.checksum import DamagedFileError, read_intact
from egoexobench.features.feature_header import FileLayout, ItemLocation
from egoexobench.tensor_file import check_tensor_file, write_arrays

INDEX_FILE = "items.index"
_ITEM = np.dtype(
    [
        ("file", "<u4"),
        ("state", "<u4"),
        ("start", "<u8"),
        ("length", "<u8"),
        ("checksum", "<u8"),
        ("has_checksum", "?"),
    ]
)
_FILES: TypeAdapter[list[FileLayout]] = TypeAdapter(list[FileLayout])
_STATES: TypeAdapter[list[str]] = TypeAdapter(list[str])


@final
class ItemIndex:
    """The locations of items, sorted by key; two files may have an item of one key.

    Args:
        keys: of the items, sorted, as bytes of one length.
        items: one for each key, of the type `_ITEM`.
        files: that the items name by their number.
        states: that the items name by their number.
    """

    def __init__(
        self,
        keys: NDArray[np.bytes_],
        items: NDArray[Any],
        files: Sequence[FileLayout],
        states: Sequence[str],
    ) -> None:
        self.keys, self.items, self.files, self.states = keys, items, files, states

    def __len__(self) -> int:
        return len(self.keys)

    def iter_keys(self) -> Iterator[str]:
        """Yield every key; a key of two files twice."""
        return (key.decode() for key in self.keys.tolist())

    def find(self, key: str) -> ItemLocation | None:
        """Return where an item is; None if the index has no such key."""
        content = key.encode()
        position = bisect_left(self.keys, content)
        if position == len(self.keys) or self.keys[position] != content:
            return None
        file, state, start, length, checksum, has_checksum = self.items[position].item()
        return ItemLocation(
            self.files[file],
            start,
            length,
            state=self.states[state],
            checksum=checksum if has_checksum else None,
        )

    def select_files(self, names: Collection[str]) -> ItemIndex:
        """Return the index of the items in some files; files that it does not have do not count."""
        is_selected = np.array([file.name in names for file in self.files], np.bool_)
        if is_selected.all():
            return self
        rows = is_selected[self.items["file"]]
        items = self.items[rows]
        items["file"] = (np.cumsum(is_selected) - 1)[items["file"]]
        files = [file for file in self.files if file.name in names]
        return ItemIndex(self.keys[rows], items, files, self.states)


def join_indexes(indexes: Sequence[ItemIndex]) -> ItemIndex:
    """Return the index of the items of all indexes."""
    files: list[FileLayout] = []
    states = list(dict.fromkeys(state for index in indexes for state in index.states))
    tables: list[NDArray[Any]] = []
    for index in indexes:
        items = index.items.copy()
        items["file"] += len(files)
        numbers = np.array([states.index(name) for name in index.states], np.uint32)
        items["state"] = numbers[items["state"]]
        files += index.files
        tables.append(items)
    keys = np.concatenate([index.keys for index in indexes])
    order = np.argsort(keys, kind="stable")
    return ItemIndex(keys[order], np.concatenate(tables)[order], files, states)


def index_items(locations: Mapping[str, ItemLocation]) -> ItemIndex:
    """Return the index of some items by key."""
    files = list(dict.fromkeys(location.file for location in locations.values()))
    states = list(dict.fromkeys(location.state for location in locations.values()))
    file_numbers = {file: i for i, file in enumerate(files)}
    rows = [
        (
            file_numbers[file],
            states.index(state),
            start,
            length,
            checksum or 0,
            checksum is not None,
        )
        for file, start, length, state, checksum in locations.values()
    ]
    keys = np.array([key.encode() for key in locations] or [], np.bytes_)
    order = np.argsort(keys, kind="stable")
    return ItemIndex(keys[order], np.array(rows, _ITEM)[order], files, states)


def write_index(folder: Path, index: ItemIndex) -> None:
    """Write the index of a store.

    Raises:
        WriteError: if the machine refuses to write it.
    """
    metadata = {"files": json.dumps(index.files), "states": json.dumps(index.states)}
    arrays = {"keys": _view_bytes(index.keys), "items": _view_bytes(index.items)}
    write_arrays(folder / INDEX_FILE, arrays, metadata)


def read_index(folder: Path) -> ItemIndex:
    """Return the index of a store; it is empty if there is none, or if it is damaged."""
    index = read_intact(_read_index, folder / INDEX_FILE, "it is made again from the feature files")
    return index or index_items({})


def _read_index(path: Path) -> ItemIndex:
    metadata = check_tensor_file(path)
    tensors = load_file(path)
    try:
        keys, items = tensors["keys"], tensors["items"].view(_ITEM)[:, 0]
        files = _FILES.validate_json(metadata["files"])
        states = _STATES.validate_json(metadata["states"])
    except (KeyError, ValueError) as error:
        raise DamagedFileError(path, "it is of another version") from error
    return ItemIndex(keys.view(f"S{keys.shape[1]}")[:, 0], items, files, states)


def _view_bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an array ``(N,)`` as bytes ``(N, size of an element)``."""
    return values.view(np.uint8).reshape(len(values), values.dtype.itemsize)
