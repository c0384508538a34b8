"""Objects in a store of S3, Google Cloud or Azure, through the library obstore.

Address and credentials come from the environment. No message shows them, nor the text of the
library, which can contain addresses that are signed. A request ends in bounded time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, final

from egoexobench.errors import DataError
from egoexobench.extras import require_library

READ_TIMEOUT_S = 30.0
"""How long a store may send nothing, s."""
REQUEST_TIMEOUT_S = 600.0
"""How long one request may take, s."""
MAX_RETRIES = 4
RETRY_TIMEOUT_S = 60.0
"""Time after which a request is not sent again, s."""
CHUNK_BYTES = 4 << 20
"""Bytes of an object that are in memory at once while it is downloaded."""
_VARIABLE_STARTS = {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE"}
_MISSING_BUCKET_CODES = ("<Code>NoSuchBucket<", "<Code>ContainerNotFound<")
_ENDPOINTS = ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_CLIENT_OPTIONS = (
    "allow_http",
    "allow_invalid_certificates",
    "connect_timeout",
    "proxy_url",
    "proxy_ca_certificate",
    "proxy_excludes",
    "read_timeout",
    "timeout",
)
"""Options of the library that do not come from the environment if any of them is set in code."""


class ObjectHead(NamedTuple):
    """What a store says of an object."""

    size: int
    """Bytes."""
    ticks: int
    """Time of the last change, ns."""
    tag: str
    """The entity tag; empty if the store gives none."""


@final
class MissingObjectError(DataError):
    """There is no such object, or no such bucket."""


@final
class ReplacedObjectError(DataError):
    """An object has another entity tag than it had."""


def is_stored_object(name: str) -> bool:
    """Whether a name is that of an object in a store.

    >>> is_stored_object("s3://films/take.mp4"), is_stored_object("clips/take.mp4")
    (True, False)
    """
    scheme, separator, _ = name.partition("://")
    return bool(separator) and scheme in _VARIABLE_STARTS


def split_object_name(name: str) -> tuple[str, str]:
    """Return the bucket with its scheme, and the key.

    >>> split_object_name("s3://films/kitchen/take.mp4")
    ('s3://films', 'kitchen/take.mp4')

    Raises:
        DataError: for a name without a bucket or with a user in it, and a key that is empty or
            leads elsewhere.
    """
    scheme, _, rest = name.partition("://")
    bucket, _, key = rest.partition("/")
    if not bucket or "@" in bucket:
        raise DataError("an object in a store is named SCHEME://BUCKET/KEY, without a user")
    if not key or any(part in ("", ".", "..") for part in key.split("/")):
        raise DataError(f"{name}: the key is empty, or has an empty part, or . or ..")
    return f"{scheme}://{bucket}", key


@final
class ObjectStore:
    """A bucket.

    Every method raises `MissingObjectError` if the bucket or an object is missing, and `DataError`
    if the store refuses or does not answer.

    Args:
        root: ``SCHEME://BUCKET``; for Azure the bucket is the container, and the account is in the
            environment.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    def read_head(self, key: str) -> ObjectHead:
        """Return size, time and entity tag of an object."""
        head = self._call(key, lambda obs, store: obs.head(store, key))
        ticks = int(head["last_modified"].timestamp() * 1e9)
        return ObjectHead(int(head["size"]), ticks, head["e_tag"] or "")

    def read_range(self, key: str, start: int, end: int, *, tag: str = "") -> bytes:
        """Return the bytes of an object from ``start`` to before ``end``, or to its end.

        Raises:
            ReplacedObjectError: if it has another entity tag than ``tag``.
        """
        options: dict[str, Any] = {"range": (start, end)}
        if tag:
            options["if_match"] = tag
        content: bytes = self._call(
            key, lambda obs, store: bytes(obs.get(store, key, options=options).bytes())
        )
        return content

    def download(self, key: str, path: Path) -> None:
        """Write the bytes of an object to a local file, which is not written atomically.

        Raises:
            OSError: if the local file cannot be written.
        """
        chunks = self._call(
            key, lambda obs, store: iter(obs.get(store, key).stream(min_chunk_size=CHUNK_BYTES))
        )
        with path.open("wb") as file:
            while (chunk := self._call(key, lambda *_: next(chunks, None))) is not None:
                file.write(chunk)

    def upload(self, path: Path, key: str) -> None:
        """Write a local file as an object, which others see completely or not at all."""
        self._call(key, lambda obs, store: obs.put(store, key, path))

    def list_sizes(self, prefix: str) -> dict[str, int]:
        """Return the size of each object by its key; ``prefix`` ends with ``/``."""

        def iter_sizes(obs: Any, store: Any) -> Iterator[tuple[str, int]]:
            for batch in obs.list(store, prefix=prefix.rstrip("/")):
                yield from ((entry["path"], int(entry["size"])) for entry in batch)

        sizes: dict[str, int] = self._call(prefix, lambda obs, store: dict(iter_sizes(obs, store)))
        return sizes

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._call(key, lambda obs, store: obs.delete(store, key))

    def _call(self, key: str, function: Any) -> Any:
        obs, store = _connect(self._root)
        errors, name = obs.exceptions, f"{self._root}/{key}"
        try:
            return function(obs, store)
        except (errors.NotFoundError, FileNotFoundError):
            reason = f"{name} is missing: no such bucket or no such object"
            raise MissingObjectError(reason) from None
        except errors.PreconditionError:
            reason = f"{name} was replaced while it was read; run again"
            raise ReplacedObjectError(reason) from None
        except (errors.PermissionDeniedError, errors.UnauthenticatedError):
            raise DataError(
                f"the store refuses access to {name}: are the credentials right, and may they use "
                "this bucket?"
            ) from None
        except (errors.BaseError, OSError, ValueError) as error:
            if any(code in str(error) for code in _MISSING_BUCKET_CODES):  # of a list of objects
                raise MissingObjectError(f"{name}: there is no such bucket") from None
            raise DataError(
                f"the store of {name} gives no answer ({type(error).__name__}): are the "
                "credentials, the region and the endpoint right?"
            ) from None


@cache
def _connect(root: str) -> tuple[Any, Any]:
    """Return the library and the store of a bucket."""
    obs = require_library("obstore", root)
    for variable in _ENDPOINTS:  # the library ends the process for some values
        if not os.environ.get(variable, "http://").startswith(("http://", "https://")):
            raise DataError(
                f"{variable} is not valid for {root}: start it with https:// or http://"
            )
    import_module("obstore.exceptions")
    try:
        return obs, import_module("obstore.store").from_url(
            root,
            client_options={
                "read_timeout": timedelta(seconds=READ_TIMEOUT_S),
                "timeout": timedelta(seconds=REQUEST_TIMEOUT_S),
                **_read_client_options(root.partition("://")[0]),
            },
            retry_config={
                "max_retries": MAX_RETRIES,
                "retry_timeout": timedelta(seconds=RETRY_TIMEOUT_S),
            },
        )
    except Exception as error:  # the library raises several types for a wrong address or value
        raise DataError(
            f"cannot connect to {root} ({type(error).__name__}): is the environment of the store "
            "complete (for S3 AWS_REGION or AWS_ENDPOINT)?"
        ) from None


def _read_client_options(scheme: str) -> dict[str, str]:
    variables = {name: f"{_VARIABLE_STARTS[scheme]}_{name.upper()}" for name in _CLIENT_OPTIONS}
    return {
        name: os.environ[variable]
        for name, variable in variables.items()
        if os.environ.get(variable)
    }
