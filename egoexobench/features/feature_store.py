"""The features of one encoder on disk, in files that are written atomically.

A folder contains the features of one encoder under one sampling rule. `signature.json` in it
describes both, and the name of the folder is its hash. A process that is killed loses only the file
that it was writing.

Every file belongs to the process that wrote it, and only this process joins its small files to
larger ones. So several processes, also of several machines, can write into one folder. Rows are
compared with their checksums before they are used for the first time.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, final

from numpy.typing import NDArray

from egoexobench.checksum import DamagedFileError
from egoexobench.errors import DataError, WriteError, notify
from egoexobench.features import feature_file
from egoexobench.features.feature_file import FeatureRows, StoredItem
from egoexobench.features.feature_header import FileLayout, ItemLocation
from egoexobench.features.item_index import (
    ItemIndex,
    index_items,
    join_indexes,
    read_index,
    write_index,
)
from egoexobench.features.join_queue import JoinQueue
from egoexobench.features.store_folder import SUFFIX, open_store_folder
from egoexobench.features.store_signature import ensure_signature
from egoexobench.files import atomic_path, remove_stale_drafts
from egoexobench.hashing import hash_json

__all__ = ["FeatureRows", "FeatureStore", "count_items"]

DAMAGED_SUFFIX = ".damaged"
"""A damaged file gets this suffix, so that no process reads it again."""
MAX_NOT_INDEXED = 32
"""Files that are read one by one when a store opens; if there are more, the index is renewed."""
MAX_RECENT = 65_536
"""Items outside of the index from which on it is renewed."""
MAX_LISTINGS = 5
"""How often a folder is listed, if files vanish in the meantime."""
MAX_MAPS = 30_000
"""Files that are mapped at once; Linux allows a process about 65,000."""


@final
class FeatureStore:
    """The features of one encoder.

    A file that is damaged is set aside with one line that says so, and its items are missing.

    Args:
        root: folder of all stores.
        signature: everything that decides the rows; its hash names the folder.
        require_checksums: False for a store that versions up to 0.1 may have written. Those of this
            version have other names, as their signatures have the hash of its code.
    """

    def __init__(
        self, root: Path, signature: dict[str, Any], *, require_checksums: bool = True
    ) -> None:
        self.folder = root / hash_json(signature)
        self._files = open_store_folder(self.folder)
        self._require_checksums = require_checksums
        ensure_signature(self.folder, signature)
        remove_stale_drafts(self.folder)
        self._index = index_items({})
        self._recent: dict[str, ItemLocation] = {}
        self._maps: dict[str, NDArray[Any]] = {}
        self._checked: set[str] = set()
        self._small_files = JoinQueue()
        self._load()

    def __contains__(self, key: str) -> bool:
        return self._find(key) is not None

    def __getitem__(self, key: str) -> FeatureRows:
        """The item of a key.

        Raises:
            KeyError: if there is none.
            DamagedFileError: if its rows are not those that were written.
        """
        if (location := self._find(key)) is None:
            raise KeyError(key)
        return FeatureRows(self._read_rows(key, location), location.state)

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
        self._files.fetch({location.file.name for location in located.values()})
        lost = False
        for location, key in sorted((location, key) for key, location in located.items()):
            try:
                self._read_rows(key, location)
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
        layout: FileLayout | None = self._write(new)
        level = 0
        while layout and (layouts := self._small_files.add(layout, level)):
            layout, level = self._join(layouts), level + 1
        if len(self._recent) > MAX_RECENT:
            self._load()

    def join_small_files(self) -> None:
        """Join all small files that this store has written, for instance when it is complete."""
        for layouts in self._small_files.pop_all():
            self._join(layouts)

    def _load(self) -> None:
        """Read the index and the files that it does not name."""
        stored = read_index(self.folder)
        for _ in range(MAX_LISTINGS):
            index, names = self._list_new_files(stored)
            new, recent, has_other_names = self._read_new_files(names)
            if not has_other_names:
                break  # else a process has joined files, or what is intact is in another file
        num_lost = len(stored.files) - len(index.files)
        if new or len(names) > MAX_NOT_INDEXED or num_lost > len(index.files):
            index, recent = join_indexes([index, *new, index_items(recent)]), {}
            with suppress(WriteError):  # or later, if nothing can be written here
                write_index(self.folder, index)
        self._index, self._recent = index, recent
        self._checked.clear()

    def _list_new_files(self, stored: ItemIndex) -> tuple[ItemIndex, list[str]]:
        """Return what an index says of files that exist, and the names of the other files."""
        names = self._files.list_names()
        index = stored.select_files(names)
        return index, sorted(names.difference(file.name for file in index.files))

    def _read_new_files(
        self, names: Sequence[str]
    ) -> tuple[list[ItemIndex], dict[str, ItemLocation], bool]:
        """Return the items of files: indexes of many and the rest, and whether a file vanished."""
        indexes: list[ItemIndex] = []
        recent: dict[str, ItemLocation] = {}
        has_other_names = False
        self._files.read_headers(names)
        for name in names:
            try:
                recent |= self._files.read_locations(
                    name, require_checksums=self._require_checksums
                )
            except FileNotFoundError:
                has_other_names = True
            except DamagedFileError as error:
                has_other_names |= self._set_aside(error)
            if len(recent) > MAX_RECENT:
                indexes.append(index_items(recent))
                recent = {}
        return indexes, recent, has_other_names

    def _find(self, key: str) -> ItemLocation | None:
        return self._recent.get(key) or self._index.find(key)

    def _read_rows(self, key: str, location: ItemLocation) -> NDArray[Any]:
        """Return the rows of an item, compared with their checksum at the first time."""
        try:
            rows = self._map_rows(location)
        except FileNotFoundError:  # its process has joined it to a larger one
            self._load()
            if (new_location := self._find(key)) is None:
                raise KeyError(key) from None
            location = new_location
            rows = self._map_rows(location)
        if key not in self._checked:
            if not feature_file.is_intact(rows, location):
                path = self.folder / location.file.name
                raise DamagedFileError(path, f"the rows of {key} differ from their checksum")
            self._checked.add(key)
        return rows

    def _map_rows(self, location: ItemLocation) -> NDArray[Any]:
        name = location.file.name
        rows = self._maps.get(name)
        if rows is None:
            self._files.fetch([name])
            if len(self._maps) >= MAX_MAPS:
                return feature_file.read_rows(self.folder / name, location)
            rows = feature_file.map_rows(self.folder / name, location.file)
            self._maps[name] = rows
        return feature_file.cut_rows(rows, location)

    def _write(self, items: Sequence[StoredItem]) -> FileLayout:
        path = self.folder / f"{secrets.token_hex(8)}{SUFFIX}"
        with atomic_path(path) as tmp_path:
            feature_file.write_feature_file(tmp_path, items)
            self._files.publish(tmp_path, path.name)
        locations = feature_file.read_locations(path)
        self._recent |= locations
        return next(iter(locations.values())).file

    def _join(self, layouts: Sequence[FileLayout]) -> FileLayout | None:
        self._files.fetch([layout.name for layout in layouts])
        paths = [self.folder / layout.name for layout in layouts]
        items = [item for path in paths for item in feature_file.read_intact_items(path)]
        joined = self._write(items) if items else None
        for path in paths:
            self._maps.pop(path.name, None)
            self._files.remove(path.name)
        return joined

    def _set_aside(self, error: DamagedFileError) -> bool:
        """Rename a damaged file, after its intact items are written to another one.

        Returns:
            Whether this was possible, or the file is intact in another place.
        """
        path = error.path
        if self._files.restore(path.name):
            self._maps.pop(path.name, None)
            notify(f"{error}; it is downloaded again")
            return True
        remaining = {file.name for file in self._index.files} - {path.name}
        self._index = self._index.select_files(remaining)
        self._recent = {k: v for k, v in self._recent.items() if v.file.name != path.name}
        self._maps.pop(path.name, None)
        damaged = path.with_suffix(DAMAGED_SUFFIX)
        is_writable = True
        try:
            if intact := list(feature_file.read_intact_items(path)):
                self._write(intact)
            path.replace(damaged)
            self._files.remove(path.name)
        except (OSError, DataError):  # another process was faster, or may not write here
            is_writable = False
        change = f"it is renamed to {damaged.name}" if is_writable else "it is not used"
        notify(f"{error}; {change}, and what it lacks is computed again")
        return is_writable


def count_items(folder: Path) -> int:
    """Return how many items the files of a store have; nothing is set aside or written.

    Args:
        folder: the folder of the store.

    Raises:
        DamagedFileError: if the header of a file is not what was written.
    """
    keys: set[str] = set()
    files = open_store_folder(folder)
    names = files.list_names()
    files.read_headers(names)
    for name in names:
        with suppress(FileNotFoundError):  # its process has joined it to a larger one
            keys.update(files.read_locations(name, require_checksums=False))
    return len(keys)
