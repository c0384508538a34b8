"""Media files in an object store.

A file is read in large blocks, which stay in memory for the next reader, because a film is opened
several times: for its tracks, its pictures and its sound.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from io import RawIOBase
from threading import Lock
from typing import Any, final

from egoexobench.data.media_source import MediaState, SeekableFile
from egoexobench.errors import DataError, MediaError
from egoexobench.object_store import MissingObjectError, ObjectStore, split_object_name

BLOCK_BYTES = 4 << 20
"""Bytes of a request."""
CACHE_BYTES = 256 << 20
"""Bytes of blocks that stay in memory."""
_MAX_STATES = 1_000_000

_states: dict[str, tuple[MediaState, str]] = {}
"""State and entity tag of an object by name: asked once in each process."""
_blocks: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
_blocks_lock = Lock()


@final
class StoredObject:
    """An object of a store.

    Args:
        name: ``SCHEME://BUCKET/KEY``.

    Raises:
        DataError: for a name of another form.
    """

    local_path: str | None = None

    def __init__(self, name: str) -> None:
        self._name = name
        root, self._key = split_object_name(name)
        self._store = ObjectStore(root)

    def read_state(self) -> MediaState:
        """Return size, time of change and a content key from the entity tag.

        Raises:
            DataError: if it is missing or the store does not answer.
        """
        return self._read_head()[0]

    def open(self) -> RawIOBase:
        """Open it.

        Raises:
            DataError: as `read_state`.
        """
        state, tag = self._read_head()
        return _ObjectFile(self, size=state.size, tag=tag, name=self._name)

    def read_block(self, number: int, tag: str) -> bytes:
        """Return a block of `BLOCK_BYTES`; the last one is shorter.

        Raises:
            DataError: if it cannot be read, or the object was replaced.
        """
        key = self._name, tag, number
        with _blocks_lock:
            if key in _blocks:
                _blocks.move_to_end(key)
                return _blocks[key]
        start = number * BLOCK_BYTES
        try:
            block = self._store.read_range(self._key, start, start + BLOCK_BYTES, tag=tag)
        except MissingObjectError as error:
            raise MediaError("missing", str(error)) from None
        with _blocks_lock:
            _blocks[key] = block
            while len(_blocks) * BLOCK_BYTES > CACHE_BYTES:
                _blocks.popitem(last=False)
        return block

    def _read_head(self) -> tuple[MediaState, str]:
        if self._name not in _states:
            try:
                head = self._store.read_head(self._key)
            except MissingObjectError as error:
                raise MediaError("missing", str(error)) from None
            # a tag of S3 is a hash of the content; others are times, which two objects can share
            content = f"{head.tag} {head.size}"
            if not head.tag or not self._name.startswith("s3://"):
                content = f"{self._name} {head.size} {head.tag or head.ticks}"
            key = hashlib.sha256(f"stored object {content}".encode()).hexdigest()[:32]
            if len(_states) >= _MAX_STATES:
                _states.clear()
            _states[self._name] = MediaState(head.size, head.ticks, head.ticks, key), head.tag
        return _states[self._name]


@final
class _ObjectFile(SeekableFile):
    """An object, read as a file."""

    def __init__(self, source: StoredObject, *, size: int, tag: str, name: str) -> None:
        super().__init__(size=size, name=name)
        self._source, self._tag = source, tag

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size or not len(buffer):
            return 0
        number, start = divmod(self._position, BLOCK_BYTES)
        part = self._source.read_block(number, self._tag)[start : start + len(buffer)]
        if not part:
            raise DataError(f"{self.name} is shorter than its store says")
        memoryview(buffer)[: len(part)] = part
        self._position += len(part)
        return len(part)
