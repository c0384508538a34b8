"""Where the files of a feature store are: in a local folder, or in an object store.

An object store has neither a rename nor memory maps. So a store in it has a local folder that
mirrors it: a file is written there, uploaded as one object and only then gets its name, and a file
of others is downloaded when its rows are read for the first time. A feature file never changes, its
name is random, and it has checksums: so a file in the mirror is the object of that name, or the
object was removed and the file is not used any more.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Protocol, final

from egoexobench.checksum import DamagedFileError
from egoexobench.errors import DataError
from egoexobench.features import feature_file
from egoexobench.features.feature_header import ItemLocation
from egoexobench.features.store_signature import SIGNATURE_FILE
from egoexobench.files import atomic_path, cache_dir, write_text_atomic
from egoexobench.hashing import hash_json
from egoexobench.object_store import (
    MissingObjectError,
    ObjectStore,
    is_stored_object,
    split_object_name,
)

SUFFIX = ".safetensors"
ROOT_VARIABLE = "EGOEXOBENCH_FEATURES"
MIRROR_FILE = "mirror.json"
"""Says in a folder of stores which object store it mirrors."""
NUM_CONNECTIONS = 8
_HEADER_BYTES = 1 << 16
"""Bytes of an object that are read for its header; more, if the header is longer."""


class StoreFolder(Protocol):
    """The files of one feature store."""

    def list_names(self) -> set[str]:
        """Return the names of its feature files."""
        ...

    def read_headers(self, names: Iterable[str]) -> None:
        """Read many headers at once, for `read_locations`."""
        ...

    def read_locations(self, name: str, *, require_checksums: bool) -> dict[str, ItemLocation]:
        """Return where the items of a file are, by key.

        Raises:
            FileNotFoundError: if there is no such file.
            DamagedFileError: if its header is damaged.
            DataError: if it cannot be read.
        """
        ...

    def fetch(self, names: Collection[str]) -> None:
        """Let files be in the local folder; names of files that were removed do not count."""
        ...

    def publish(self, draft: Path, name: str) -> None:
        """Show a file to others, before it gets its name in the local folder.

        Raises:
            DataError: if the object store refuses it.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove a file."""
        ...

    def restore(self, name: str) -> bool:
        """Get a damaged file again; return whether it is intact now."""
        ...


def find_feature_root(name: str | None = None) -> Path:
    """Return the local folder of a place of feature stores.

    Args:
        name: a folder or ``s3://BUCKET/PREFIX``; None for that of ``EGOEXOBENCH_FEATURES``, or
            else the folder in the cache.

    Raises:
        DataError: for a name of an object store that is not valid.
    """
    name = name or os.environ.get(ROOT_VARIABLE)
    if name is None or not is_stored_object(name):
        if name and "://" in name:
            raise DataError(f"{name} is no folder: an object store is s3://, gs:// or az://")
        return Path(name).expanduser() if name else cache_dir() / "tokens"
    url = name.rstrip("/")
    split_object_name(f"{url}/{SIGNATURE_FILE}")
    root = cache_dir() / "mirrors" / hash_json(url)
    if not (root / MIRROR_FILE).is_file():
        write_text_atomic(root / MIRROR_FILE, json.dumps({"url": url}) + "\n")
    return root


def open_store_folder(folder: Path) -> StoreFolder:
    """Return where the files of the store of a local folder are.

    Raises:
        DataError: if the file that names its object store is damaged.
    """
    path = folder.parent / MIRROR_FILE
    try:
        url = json.loads(path.read_bytes())["url"]
    except FileNotFoundError:
        return LocalFolder(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged: delete {folder.parent} and run again") from error
    return MirroredFolder(folder, str(url))


def publish_file(path: Path) -> None:
    """Show a file beside the feature files of a store, such as a receipt, to others.

    Raises:
        DataError: if the object store refuses it.
    """
    open_store_folder(path.parent).publish(path, path.name)


@final
class LocalFolder:
    """A folder of this machine, or of a disk that several machines share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list_names(self) -> set[str]:
        """Return the names of its feature files."""
        with os.scandir(self._folder) as entries:
            return {entry.name for entry in entries if entry.name.endswith(SUFFIX)}

    def read_headers(self, names: Iterable[str]) -> None:
        """Read many headers at once, for `read_locations`."""

    def read_locations(self, name: str, *, require_checksums: bool) -> dict[str, ItemLocation]:
        """Return where the items of a file are, by key."""
        return feature_file.read_locations(self._folder / name, require_checksums=require_checksums)

    def fetch(self, names: Collection[str]) -> None:
        """Let files be in the local folder."""

    def publish(self, draft: Path, name: str) -> None:
        """Show a file to others, before it gets its name in the local folder."""

    def remove(self, name: str) -> None:
        """Remove a file."""
        (self._folder / name).unlink(missing_ok=True)

    def restore(self, name: str) -> bool:  # noqa: ARG002 - there is no other copy
        """Get a damaged file again; return whether it is intact now."""
        return False


@final
class MirroredFolder:
    """A folder of an object store, and the local one that mirrors it.

    Args:
        folder: the local folder.
        url: of the folder of all stores.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        root, key = split_object_name(f"{url}/{folder.name}")
        self._prefix, self._store = f"{key}/", ObjectStore(root)
        self._sizes: dict[str, int] = {}
        self._headers: dict[str, bytes] = {}

    def list_names(self) -> set[str]:
        """Return the names of its feature files."""
        local = LocalFolder(self._folder)
        names = local.list_names()  # before the objects: one gets its local name after them
        sizes = self._store.list_sizes(self._prefix)
        self._sizes = {key.removeprefix(self._prefix): size for key, size in sizes.items()}
        remote = {name for name in self._sizes if name.endswith(SUFFIX) and "/" not in name}
        for name in names - remote:
            local.remove(name)
        return remote

    def read_headers(self, names: Iterable[str]) -> None:
        """Read many headers at once, for `read_locations`."""
        missing = [name for name in names if not (self._folder / name).exists()]
        with ThreadPoolExecutor(NUM_CONNECTIONS) as pool:
            headers = pool.map(self._read_header, missing)
            self._headers = {
                name: header for name, header in zip(missing, headers, strict=True) if header
            }

    def read_locations(self, name: str, *, require_checksums: bool) -> dict[str, ItemLocation]:
        """Return where the items of a file are, by key."""
        path, header = self._folder / name, self._headers.pop(name, None)
        if header is None or path.exists():
            self.fetch([name])
            return feature_file.read_locations(path, require_checksums=require_checksums)
        return feature_file.read_remote_locations(
            path, io.BytesIO(header), self._sizes[name], require_checksums=require_checksums
        )

    def fetch(self, names: Collection[str]) -> None:
        """Let files be in the local folder."""
        missing = [name for name in names if not (self._folder / name).exists()]
        if missing:
            with ThreadPoolExecutor(NUM_CONNECTIONS) as pool:
                list(pool.map(self._download, missing))

    def publish(self, draft: Path, name: str) -> None:
        """Show a file to others, before it gets its name in the local folder."""
        if SIGNATURE_FILE not in self._sizes:
            self._store.upload(self._folder / SIGNATURE_FILE, self._prefix + SIGNATURE_FILE)
            self._sizes[SIGNATURE_FILE] = 0
        self._store.upload(draft, self._prefix + name)

    def remove(self, name: str) -> None:
        """Remove a file."""
        with suppress(MissingObjectError):
            self._store.delete(self._prefix + name)
        LocalFolder(self._folder).remove(name)

    def restore(self, name: str) -> bool:
        """Get a damaged file again; return whether it is intact now."""
        path = self._folder / name
        path.unlink(missing_ok=True)
        self._download(name)
        try:
            num_items = len(feature_file.read_locations(path))
        except (FileNotFoundError, DamagedFileError):
            return False
        return num_items == sum(1 for _ in feature_file.read_intact_items(path))

    def _download(self, name: str) -> None:
        with suppress(MissingObjectError), atomic_path(self._folder / name, flush=False) as draft:
            self._store.download(self._prefix + name, draft)

    def _read_header(self, name: str) -> bytes:
        """Return the first bytes of an object; none, if it was removed."""
        key = self._prefix + name
        try:
            content = self._store.read_range(key, 0, _HEADER_BYTES)
            end = 8 + int.from_bytes(content[:8], "little")
            if len(content) < end <= self._sizes[name]:
                content += self._store.read_range(key, len(content), end)
        except MissingObjectError:
            return b""
        return content
