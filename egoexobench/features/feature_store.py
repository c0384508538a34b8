"""The features of one encoder on disk, in files that are written atomically.

A folder contains the features of one encoder under one sampling rule. `signature.json` in it
describes both, and the name of the folder is its hash. A process that is killed loses only the file
that it was writing.

Every file belongs to the process that wrote it, and only this process joins its small files to
larger ones. So several processes, also of several machines, can write into one folder. Rows are
compared with their checksums before they are used for the first time.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, final

from numpy.typing import NDArray

from egoexobench.checksum import DamagedFileError
from egoexobench.errors import WriteError, notify
from egoexobench.features import feature_file
from egoexobench.features.feature_file import FeatureRows, FileLayout, ItemLocation, StoredItem
from egoexobench.features.item_index import (
    ItemIndex,
    index_items,
    join_indexes,
    read_index,
    write_index,
)
from egoexobench.files import atomic_path, remove_stale_drafts
from egoexobench.hashing import hash_json

__all__ = ["SIGNATURE_FILE", "FeatureRows", "FeatureStore", "read_signature"]

SIGNATURE_FILE = "signature.json"
SUFFIX = ".safetensors"
DAMAGED_SUFFIX = ".damaged"
"""A damaged file gets this suffix, so that no process reads it again."""
MAX_NOT_INDEXED = 32
"""Files that are read one by one when a store opens; if there are more, the index is renewed."""
MAX_RECENT = 65_536
"""Items outside of the index from which on it is renewed."""
JOIN_COUNT = 16
"""Small files of one process, of similar size, that are joined to one file."""
JOIN_BYTES = 256 << 20
"""Size from which on small files are joined, even if they are few."""
MAX_LISTINGS = 5
"""How often a folder is listed, if files vanish in the meantime."""
MAX_MAPS = 30_000
"""Files that are mapped at once; Linux allows a process about 65,000."""


class _SizeClass(NamedTuple):
    """Small files that may be joined: of one format of rows, and joined equally often."""

    dtype: str
    shape: tuple[int, ...]
    level: int


@final
class FeatureStore:
    """The features of one encoder.

    A file that is damaged is set aside with one line that says so, and its items are missing.

    Args:
        root: folder of all stores.
        signature: everything that decides the rows; its hash names the folder.
    """

    def __init__(self, root: Path, signature: dict[str, Any]) -> None:
        self.folder = root / hash_json(signature)
        self._ensure_signature(signature)
        remove_stale_drafts(self.folder)
        self._index = index_items({})
        self._recent: dict[str, ItemLocation] = {}
        self._maps: dict[str, NDArray[Any]] = {}
        self._checked: set[str] = set()
        self._small: dict[_SizeClass, list[FileLayout]] = {}
        self._load()

    def __contains__(self, key: str) -> bool:
        return self._find(key) is not None

    def __getitem__(self, key: str) -> FeatureRows:
        """The item of a key.

        Raises:
            KeyError: if there is none.
            DamagedFileError: if its rows are not those that were written.
        """
        try:
            return self._read(key)
        except FileNotFoundError:  # its process has joined it to a larger one
            self._load()
            return self._read(key)

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self._index.iter_keys()), **self._recent})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def list_files(self) -> list[Path]:
        """The files of the store."""
        return sorted(self.folder.glob(f"*{SUFFIX}"))

    def find_missing(self, keys: Iterable[str]) -> list[str]:
        """Return the keys whose items are not stored, or are damaged; each once.

        All rows of the others are read, in the order in which they are on disk.
        """
        unique = list(dict.fromkeys(keys))
        located = {key: location for key in unique if (location := self._find(key))}
        lost = False
        for key in sorted(located, key=lambda key: (located[key].file.name, located[key].start)):
            try:
                self[key]
            except DamagedFileError as error:
                self._set_aside(error)
                lost = True
            except KeyError:  # its file is set aside, or was removed
                lost = True
        return [key for key in unique if key not in (self if lost else located)]

    def put(self, keys: Sequence[str], items: Sequence[FeatureRows]) -> None:
        """Add items as one file; small files that this store has written may be joined to one.

        Args:
            keys: one per item.
            items: rows of one dtype and, but for the first axis, one shape.
        """
        if not keys:
            return
        new = [StoredItem(key, item) for key, item in zip(keys, items, strict=True)]
        self._join_if_many(self._write(new), 0)
        if len(self._recent) > MAX_RECENT:
            self._load()

    def join_small_files(self) -> None:
        """Join all small files that this store has written, for instance when it is complete."""
        pending = self._small
        self._small = {}
        by_format: dict[tuple[str, tuple[int, ...]], list[FileLayout]] = {}
        for size_class, layouts in pending.items():
            by_format.setdefault(size_class[:2], []).extend(layouts)
        for layouts in by_format.values():
            if len(layouts) > 1:
                self._join(layouts)

    def _ensure_signature(self, signature: Mapping[str, Any]) -> None:
        file = self.folder / SIGNATURE_FILE
        try:
            read_signature(self.folder)
        except FileNotFoundError:
            pass
        except DamagedFileError as error:
            notify(f"{error}; it is written again")
        else:
            return
        with atomic_path(file) as tmp_path:
            tmp_path.write_text(json.dumps(signature, indent=1, default=str))

    def _load(self) -> None:
        """Read the index and the files that it does not name."""
        stored = read_index(self.folder)
        for _ in range(MAX_LISTINGS):
            index, names = self._list_new_files(stored)
            new, recent, num_vanished = self._read_new_files(names)
            if not num_vanished:
                break  # else a process has joined files to a larger one, which has a new name
        num_lost = len(stored.files) - len(index.files)
        if new or len(names) > MAX_NOT_INDEXED or num_lost > len(index.files):
            index, recent = join_indexes([index, *new, index_items(recent)]), {}
            with suppress(WriteError):  # or later, if nothing can be written here
                write_index(self.folder, index)
        self._index, self._recent = index, recent
        self._checked.clear()

    def _list_new_files(self, stored: ItemIndex) -> tuple[ItemIndex, list[str]]:
        """Return what an index says of files that exist, and the names of the other files."""
        with os.scandir(self.folder) as entries:
            names = {entry.name for entry in entries if entry.name.endswith(SUFFIX)}
        index = stored.select_files(names)
        return index, sorted(names.difference(file.name for file in index.files))

    def _read_new_files(
        self, names: Sequence[str]
    ) -> tuple[list[ItemIndex], dict[str, ItemLocation], int]:
        """Return the items of files: indexes of many and the rest, and how many files vanished."""
        indexes: list[ItemIndex] = []
        recent: dict[str, ItemLocation] = {}
        num_vanished = 0
        for name in names:
            try:
                recent |= feature_file.read_locations(self.folder / name)
            except FileNotFoundError:
                num_vanished += 1
            except DamagedFileError as error:
                self._set_aside(error)
            if len(recent) > MAX_RECENT:
                indexes.append(index_items(recent))
                recent = {}
        return indexes, recent, num_vanished

    def _find(self, key: str) -> ItemLocation | None:
        return self._recent.get(key) or self._index.find(key)

    def _read(self, key: str) -> FeatureRows:
        if (location := self._find(key)) is None:
            raise KeyError(key)
        name = location.file.name
        if name not in self._maps and len(self._maps) < MAX_MAPS:
            self._maps[name] = feature_file.map_rows(self.folder / name, location.file)
        if name in self._maps:
            rows = feature_file.cut_rows(self._maps[name], location)
        else:
            rows = feature_file.read_rows(self.folder / name, location)
        if key not in self._checked:
            if not feature_file.is_intact(rows, location):
                reason = f"the rows of {key} differ from their checksum"
                raise DamagedFileError(self.folder / name, reason)
            self._checked.add(key)
        return FeatureRows(rows, location.state)

    def _write(self, items: Sequence[StoredItem]) -> FileLayout:
        path = self.folder / f"{secrets.token_hex(8)}{SUFFIX}"
        with atomic_path(path) as tmp_path:
            feature_file.write_feature_file(tmp_path, items)
        locations = feature_file.read_locations(path)
        self._recent |= locations
        return next(iter(locations.values())).file

    def _join_if_many(self, layout: FileLayout, level: int) -> None:
        """Keep a file that this store has written for joining, and join if there are enough."""
        if layout.size >= JOIN_BYTES // 2:
            return
        size_class = _SizeClass(layout.dtype, layout.shape, level)
        layouts = self._small.setdefault(size_class, [])
        layouts.append(layout)
        if len(layouts) >= JOIN_COUNT or sum(file.size for file in layouts) >= JOIN_BYTES:
            del self._small[size_class]
            if joined := self._join(layouts):
                self._join_if_many(joined, level + 1)

    def _join(self, layouts: Sequence[FileLayout]) -> FileLayout | None:
        paths = [self.folder / layout.name for layout in layouts]
        items = [item for path in paths for item in _read_items(path)]
        joined = self._write(items) if items else None
        for path in paths:
            self._maps.pop(path.name, None)
            path.unlink(missing_ok=True)
        return joined

    def _set_aside(self, error: DamagedFileError) -> None:
        """Rename a damaged file, after its intact items are written to another one."""
        path = error.path
        remaining = {file.name for file in self._index.files} - {path.name}
        self._index = self._index.select_files(remaining)
        self._recent = {k: v for k, v in self._recent.items() if v.file.name != path.name}
        damaged = path.with_suffix(DAMAGED_SUFFIX)
        with suppress(OSError, WriteError):  # another process was faster, or may not write here
            if intact := _read_items(path):
                self._write(intact)
            path.replace(damaged)
        self._maps.pop(path.name, None)
        notify(f"{error}; it is renamed to {damaged.name}, and what it lacks is computed again")


def _read_items(path: Path) -> list[StoredItem]:
    """Return the intact items of a file; none if it is gone or damaged."""
    try:
        locations = feature_file.read_locations(path)
        layout = next(iter(locations.values())).file
        rows = feature_file.map_rows(path, layout)
    except (FileNotFoundError, DamagedFileError, StopIteration):
        return []
    return [
        StoredItem(key, FeatureRows(item, location.state), location.checksum)
        for key, location in locations.items()
        if feature_file.is_intact(item := feature_file.cut_rows(rows, location), location)
    ]


def read_signature(folder: Path) -> dict[str, Any]:
    """Return what the signature file of a store says.

    Raises:
        FileNotFoundError: if there is none.
        DamagedFileError: if it does not describe the store whose folder it is in.
    """
    path = folder / SIGNATURE_FILE
    try:
        signature = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(path, "it is no JSON") from error
    if not isinstance(signature, dict) or hash_json(signature) != folder.name:
        reason = f"it is not the store {folder.name} that it describes"
        raise DamagedFileError(path, reason)
    return signature
