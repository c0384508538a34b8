"""Safetensors files with a checksum of header and data in the metadata of the header.

Write arrays with `write_arrays`, or what ``safetensors.torch.save`` returns with
`write_tensor_file`, and call `check_tensor_file` before the file is opened as usual:

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> import numpy as np
>>> from safetensors.numpy import load_file
>>> folder = TemporaryDirectory()
>>> path = Path(folder.name, "weights.safetensors")
>>> write_arrays(path, {"x": np.ones(3)}, {"epoch": "4"})
>>> check_tensor_file(path)
{'epoch': '4'}
>>> load_file(path)["x"].tolist()
[1.0, 1.0, 1.0]

A damaged file raises `DamagedFileError`; `egoexobench.checksum` says what to do then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import xxhash
from numpy.typing import NDArray

from egoexobench.checksum import DamagedFileError, compute_checksum
from egoexobench.errors import DataError
from egoexobench.files import atomic_path

METADATA_KEY = "__metadata__"
CHECKSUM_KEY = "checksum"
"""Entry of the metadata."""
_ALIGNMENT = 8
"""The length of the header is a multiple of this number of bytes, as safetensors requires."""
_CHUNK = 4 << 20
"""Bytes that are read at once."""
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
DTYPE_NAMES = {np.dtype(kind): name for name, kind in DTYPES.items()}


def write_tensor_file(path: Path, content: bytes) -> None:
    """Write a safetensors file with a checksum; it is complete or not there.

    Args:
        path: the file.
        content: what ``save`` of safetensors returns.
    """
    start = _ALIGNMENT + int.from_bytes(content[:_ALIGNMENT], "little")
    header, data = json.loads(content[_ALIGNMENT:start]), memoryview(content)[start:]
    _write_with_checksum(path, header, [data])


def write_arrays(
    path: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write arrays as a safetensors file with a checksum, without a copy of them in memory.

    Args:
        path: the file; it is complete or not there.
        arrays: contiguous, of the formats in `DTYPES`, by name.
        metadata: what else the header says.

    Raises:
        KeyError: for a format that is not in `DTYPES`.
        ValueError: for an array of the name that the format reserves.
    """
    if METADATA_KEY in arrays:
        raise ValueError(f"no array can have the name {METADATA_KEY}")
    header: dict[str, Any] = {METADATA_KEY: dict(metadata)}
    # as the library: formats of large numbers first, so that every array is aligned
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0]))
    position = 0
    for name, array in ordered:
        header[name] = {
            "dtype": DTYPE_NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [position, position + array.nbytes],
        }
        position += array.nbytes
    _write_with_checksum(path, header, [array.data.cast("B") for _, array in ordered if array.size])


def check_tensor_file(path: Path, *, require_checksum: bool = True) -> dict[str, str]:
    """Check a safetensors file and return the metadata of its header, without the checksum.

    Args:
        path: the file.
        require_checksum: False for files that cannot be made again: those that an earlier version
            wrote without a checksum are not checked.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if the content is not what was written.
        DataError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            header = read_tensor_header(file)
            metadata: dict[str, str] = header.setdefault(METADATA_KEY, {})
            expected = metadata.pop(CHECKSUM_KEY, None)
            if expected is None and not require_checksum:
                return metadata
            digest = xxhash.xxh3_64(format_tensor_header(header))
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError, TypeError, AttributeError) as error:
        raise DamagedFileError(path, "its header is not complete") from error
    if expected != digest.hexdigest():
        raise DamagedFileError(path, "its checksum differs" if expected else "it has no checksum")
    return metadata


def _write_with_checksum(path: Path, header: dict[str, Any], data: Sequence[memoryview]) -> None:
    metadata = header.setdefault(METADATA_KEY, {})
    metadata.pop(CHECKSUM_KEY, None)  # that of the file from which the metadata was read
    metadata[CHECKSUM_KEY] = compute_checksum(format_tensor_header(header), *data)
    with atomic_path(path) as tmp_path, tmp_path.open("wb") as file:
        file.write(encode_tensor_header(header))
        file.writelines(data)


def format_tensor_header(header: Mapping[str, Any]) -> bytes:
    """Return the form of a header without its checksum that the checksum is computed from.

    The order of entries does not count, and no metadata is the same as empty metadata.
    """
    return json.dumps({METADATA_KEY: {}, **header}, sort_keys=True).encode()


def encode_tensor_header(header: Mapping[str, Any]) -> bytes:
    """Return the first bytes of a safetensors file, up to its data."""
    content = json.dumps(header).encode()
    content += b" " * (-len(content) % _ALIGNMENT)
    return len(content).to_bytes(_ALIGNMENT, "little") + content


def read_tensor_header(file: BinaryIO, num_bytes: int | None = None) -> dict[str, Any]:
    """Read the header of a safetensors file; the file is then at the start of its data.

    Args:
        file: at its start.
        num_bytes: size of the file; None for one of this machine.

    Raises:
        ValueError: if it is not complete, or no JSON object.
    """
    num_bytes = os.fstat(file.fileno()).st_size if num_bytes is None else num_bytes
    size = int.from_bytes(file.read(_ALIGNMENT), "little")
    if size > num_bytes:
        raise ValueError("the header is longer than the file")
    header = json.loads(file.read(size))
    if not isinstance(header, dict):
        raise ValueError("the header is no JSON object")
    return header
