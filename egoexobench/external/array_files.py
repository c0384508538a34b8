"""Reads arrays of embeddings in the formats in which labs store them; no file runs code.

An array may have ids of its own, such as ``videos_ids`` beside ``videos``. One without a name is
named by the caller, and one without ids gets those of an ids file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from egoexobench.errors import DataError, UsageError, format_exception_line
from egoexobench.extras import require_library
from egoexobench.features.embeddings_file import IDS_KEY
from egoexobench.records.artifacts import check_plain_size
from egoexobench.toolbox.array_errors import DAMAGED_ARRAY_ERRORS
from egoexobench.toolbox.checkpoint import read_torch_file

MAX_BYTES = 2**36
UNNAMED = ""
"""Name of the only array of a file that names none."""


@dataclass(frozen=True, slots=True)
class NamedArray:
    """An array of a file, and the ids of its rows if the file has them."""

    file: Path
    name: str
    vectors: Tensor
    ids: tuple[str, ...] | None = None

    @property
    def location(self) -> str:
        """File and name, for messages."""
        return _locate(self.file, self.name)


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """The arrays of a file, and what it says of itself, as text."""

    arrays: tuple[NamedArray, ...]
    metadata: Mapping[str, str]


def read_array_file(path: Path) -> ArrayFile:
    """Read a file of embeddings.

    ``.safetensors`` as `embed` writes it, ``.npz`` with an array ``NAME`` and its ids in
    ``NAME_ids``, ``.npy``, ``.pt`` with a tensor, with tensors and lists of ids by the same names,
    or with vectors by id, and ``.parquet`` with the columns ``id`` and ``embedding``.

    Raises:
        DataError: if the file is missing, damaged, of another kind or would run code.
        UsageError: for another format, or for Parquet without pyarrow.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"{path} is of no known format: the name must end with {', '.join(_READERS)}"
        )
    check_plain_size(path, MAX_BYTES)
    try:
        result = reader(path)
    except DAMAGED_ARRAY_ERRORS as error:
        raise DataError(
            _explain_error(path, f"a complete {path.suffix.lower()} file", error)
        ) from None
    if not result.arrays:
        raise DataError(f"{path} contains no array")
    return result


def _read_safetensors(path: Path) -> ArrayFile:
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata() or {})
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    ids = {
        key: _check_ids(f"{path}, {key!r}", json.loads(text))
        for key, text in metadata.items()
        if key.endswith(IDS_KEY)
    }
    return ArrayFile(tuple(_join_ids(path, tensors, ids)), metadata)


def _read_npz(path: Path) -> ArrayFile:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise DataError(f"{_locate(path, name)} is no array")
    ids = {
        name: _check_ids(f"{path}, {name!r}", array.tolist())
        for name, array in arrays.items()
        if name.endswith(IDS_KEY)
    }
    tensors = {
        name: _to_tensor(path, name, array) for name, array in arrays.items() if name not in ids
    }
    return ArrayFile(tuple(_join_ids(path, tensors, ids)), {})


def _read_npy(path: Path) -> ArrayFile:
    array = np.load(path, allow_pickle=False)
    return ArrayFile((NamedArray(path, UNNAMED, _to_tensor(path, UNNAMED, array)),), {})


def _read_torch(path: Path) -> ArrayFile:
    content = read_torch_file(path)
    if isinstance(content, Tensor):
        return ArrayFile((NamedArray(path, UNNAMED, _take_dense(path, content)),), {})
    if not isinstance(content, Mapping):
        raise DataError(
            f"{path} contains a {type(content).__name__}; expected a tensor, tensors and lists of "
            "ids by name, or vectors by id"
        )
    if content and all(isinstance(item, Tensor) and item.ndim == 1 for item in content.values()):
        return ArrayFile((_stack_vectors(path, UNNAMED, content),), {})
    nested = {name: item for name, item in content.items() if isinstance(item, Mapping)}
    arrays = [_stack_vectors(path, str(name), item) for name, item in nested.items()]
    ids = {
        str(name): _check_ids(f"{path}, {name!r}", item)
        for name, item in content.items()
        if isinstance(item, list | tuple) and str(name).endswith(IDS_KEY)
    }
    tensors = {
        str(name): _take_dense(path, item)
        for name, item in content.items()
        if isinstance(item, Tensor)
    }
    return ArrayFile((*arrays, *_join_ids(path, tensors, ids)), {})


def _read_parquet(path: Path) -> ArrayFile:
    arrow = require_library("pyarrow", f"reading {path} (Parquet)")
    compute, parquet = map(import_module, ("pyarrow.compute", "pyarrow.parquet"))
    try:
        table = parquet.read_table(path)
    except arrow.ArrowException as error:
        line = format_exception_line(error)
        raise DataError(f"{path} is not a complete .parquet file: {line}") from None
    missing = [name for name in ("id", "embedding") if name not in table.column_names]
    if missing:
        columns = ", ".join(table.column_names) or "none"
        raise DataError(f"{path}: column {missing[0]!r} is missing; columns: {columns}")
    ids = _check_ids(f"{path}, 'id'", table["id"].to_pylist())
    try:
        lists = table["embedding"].combine_chunks()
        widths = set(compute.list_value_length(lists).to_pylist())
        values = lists.flatten().to_numpy(zero_copy_only=False)
    except (arrow.ArrowException, AttributeError):
        widths = set()
    if len(widths) != 1 or None in widths:
        raise DataError(f"{path}: the rows of column 'embedding' are no lists of one length")
    vectors = _to_tensor(path, UNNAMED, values.reshape(len(ids), -1))
    return ArrayFile((NamedArray(path, UNNAMED, vectors, ids),), {})


_READERS: Mapping[str, Callable[[Path], ArrayFile]] = {
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".parquet": _read_parquet,
}


def read_ids_file(path: Path) -> tuple[str, ...]:
    """Read an ids file: one id a line, a JSON list, or an array of text in ``.npy``.

    Raises:
        DataError: if the file cannot be read, or an id is empty.
    """
    check_plain_size(path, MAX_BYTES)
    try:
        if path.suffix == ".npy":
            return _check_ids(str(path), np.load(path, allow_pickle=False).tolist())
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".json":
            return _check_ids(str(path), json.loads(text))
    except DAMAGED_ARRAY_ERRORS as error:
        raise DataError(_explain_error(path, "a list of ids", error)) from None
    return _check_ids(str(path), text.removesuffix("\n").split("\n"))


def add_ids(arrays: Sequence[NamedArray], files: Sequence[Path], option: str) -> list[NamedArray]:
    """Give the arrays without ids those of the ids files of an option, in the same order.

    Raises:
        UsageError: if there are more or fewer ids files than arrays without ids.
        DataError: if an ids file cannot be read.
    """
    missing = [array for array in arrays if array.ids is None]
    if len(missing) != len(files):
        names = "; ".join(array.location for array in missing) or "none"
        raise UsageError(
            f"arrays without ids: {names}; ids files: {len(files)}. Name one ids file for each of "
            f"these arrays with {option}, in their order; a .npz, .safetensors or .pt file may "
            "also have the ids itself: those of array NAME are NAME_ids"
        )
    lists = iter([read_ids_file(file) for file in files])
    return [replace(array, ids=next(lists)) if array.ids is None else array for array in arrays]


def _explain_error(path: Path, expected: str, error: Exception) -> str:
    """Return one line; numpy refuses arrays of objects, which pandas makes of text."""
    if "Object arrays" in str(error):
        return (
            f"{path} contains an array of Python objects, which can run code and is not read; "
            "store ids as an array of text: numpy.array(ids, dtype=str)"
        )
    return f"{path} is not {expected}: {format_exception_line(error)}"


def _join_ids(
    path: Path, tensors: Mapping[str, Tensor], ids: Mapping[str, tuple[str, ...]]
) -> Iterator[NamedArray]:
    for name, tensor in tensors.items():
        yield NamedArray(path, name, _take_dense(path, tensor), ids.get(f"{name}{IDS_KEY}"))
    lonely = [key for key in ids if key.removesuffix(IDS_KEY) not in tensors]
    if lonely:
        raise DataError(f"{path}: {lonely[0]!r} has no array {lonely[0].removesuffix(IDS_KEY)!r}")


def _stack_vectors(path: Path, name: str, vectors: Mapping[Any, Any]) -> NamedArray:
    location = _locate(path, name)
    ids = _check_ids(location, list(vectors))
    shapes = {tuple(item.shape) if isinstance(item, Tensor) else None for item in vectors.values()}
    if len(shapes) != 1 or len(next(iter(shapes)) or ()) != 1:
        raise DataError(f"{location}: the values are no vectors of one length")
    return NamedArray(path, name, _take_dense(path, torch.stack(list(vectors.values()))), ids)


def _locate(path: Path, name: str) -> str:
    return f"{path}, {name!r}" if name else str(path)


def _check_ids(location: str, values: Any) -> tuple[str, ...]:
    if not isinstance(values, list | tuple):
        raise DataError(f"{location}: expected a list of ids, found {type(values).__name__}")
    for row, value in enumerate(values):
        if not isinstance(value, str) or not value.strip():
            raise DataError(f"{location}: row {row} is no id but {value!r}; an id is a text")
    return tuple(value.removesuffix("\r") for value in values)


def _to_tensor(path: Path, name: str, array: np.ndarray[Any, Any]) -> Tensor:
    if array.dtype.kind not in "fiu":
        location = _locate(path, name)
        raise DataError(f"{location} is an array of {array.dtype}, and not of numbers")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind == "u" or array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return torch.from_numpy(np.require(array, requirements=("C", "W")))


def _take_dense(path: Path, tensor: Tensor) -> Tensor:
    is_dense = tensor.layout is torch.strided and not tensor.is_nested and not tensor.is_quantized
    if not is_dense or tensor.is_complex() or tensor.dtype is torch.bool or tensor.is_meta:
        raise DataError(f"{path} contains a tensor that is not of dense real numbers")
    return tensor.detach()
