"""Media files in an object store (S3, Google Cloud Storage, Azure), through the library obstore.

A file is read in large blocks, which stay in memory for the next reader, because a film is opened
several times: for its tracks, its pictures and its sound.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from io import RawIOBase
from threading import Lock
from typing import Any, final

from egoexobench.data.media_source import MediaState, SeekableFile
from egoexobench.errors import DataError, MediaError, UsageError

SCHEMES = ("s3", "gs", "az")
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
    """

    local_path: str | None = None

    def __init__(self, name: str) -> None:
        self._name = name
        scheme, _, rest = name.partition("://")
        bucket, _, self._key = rest.partition("/")
        self._root = f"{scheme}://{bucket}"
        if not bucket or "@" in bucket:
            raise DataError("a media file in a store is named SCHEME://BUCKET/KEY, without a user")
        if not self._key or any(part in ("", ".", "..") for part in self._key.split("/")):
            raise DataError(f"{name}: the key has an empty part, or . or ..")

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
        options: dict[str, Any] = {"range": (start, start + BLOCK_BYTES)}
        if tag:
            options["if_match"] = tag
        block: bytes = self._call(
            lambda obs, store: bytes(obs.get(store, self._key, options=options).bytes())
        )
        with _blocks_lock:
            _blocks[key] = block
            while len(_blocks) * BLOCK_BYTES > CACHE_BYTES:
                _blocks.popitem(last=False)
        return block

    def _read_head(self) -> tuple[MediaState, str]:
        if self._name not in _states:
            head = self._call(lambda obs, store: obs.head(store, self._key))
            tag, size = head["e_tag"] or "", int(head["size"])
            ticks = int(head["last_modified"].timestamp() * 1e9)
            content = f"{tag} {size}" if tag else f"{self._name} {size} {ticks}"
            key = hashlib.sha256(f"stored object {content}".encode()).hexdigest()[:32]
            if len(_states) >= _MAX_STATES:
                _states.clear()
            _states[self._name] = MediaState(size, ticks, ticks, key), tag
        return _states[self._name]

    def _call(self, function: Any) -> Any:
        obs, store = _connect(self._root)
        errors = obs.exceptions
        try:
            return function(obs, store)
        except (errors.NotFoundError, FileNotFoundError):
            reason = f"{self._name} is missing: no such bucket or no such object"
            raise MediaError("missing", reason) from None
        except errors.PreconditionError:
            raise DataError(f"{self._name} was replaced while it was read; run again") from None
        except (errors.BaseError, OSError, ValueError) as error:
            # the text of the library can contain addresses that are signed
            kind = type(error).__name__
            raise DataError(
                f"cannot read {self._name} ({kind}): are the credentials, the region and the "
                "endpoint right, and may they read this bucket?"
            ) from None


@cache
def _connect(root: str) -> tuple[Any, Any]:
    """Return the library and the store of a bucket; credentials come from the environment."""
    if not find_spec("obstore"):
        raise UsageError(f"reading {root} needs obstore: pip install 'egoexobench[cloud]'")
    obs = import_module("obstore")
    import_module("obstore.exceptions")
    try:
        return obs, import_module("obstore.store").from_url(root)
    except Exception as error:
        raise DataError(
            f"cannot connect to {root} ({type(error).__name__}): is the environment of the store "
            "complete (for S3 AWS_REGION or AWS_ENDPOINT)?"
        ) from None


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
