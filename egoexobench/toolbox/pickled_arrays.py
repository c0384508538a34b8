"""The arrays of a pickle, built from what NumPy stored, without calling what it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

MAX_DIMENSIONS = 32
_DTYPE = re.compile(r"[<>|=]?[biuf][1248]")


class RefusedError(Exception):
    """Why an instruction is not followed."""


@final
@dataclass
class StoredType:
    """The type of an array's numbers, such as ``<f8``."""

    text: str


@final
@dataclass
class StoredArray:
    """An array, or a number of NumPy; ``value`` is None until its state is known."""

    value: Any = None


def find_function(module: str, name: str) -> Callable[..., Any]:
    """Return what stands for a function or a class that NumPy names in its pickles."""
    function = FUNCTIONS.get(f"{module}.{name}")
    if function is None:
        raise RefusedError(f"names {module}.{name}")
    return function


def _describe_value(value: object) -> str:
    """Return a number or a text, or the type of another value: lists in lists may have no end."""
    if isinstance(value, int | str):
        return repr(value[:60] if isinstance(value, str) else value)
    return type(value).__name__


def _make_type(text: str, *_: object) -> StoredType:
    if type(text) is not str or not _DTYPE.fullmatch(text):
        raise RefusedError(f"makes an array of the type {_describe_value(text)}")
    return StoredType(text)


def _make_empty_array(*_: object) -> StoredArray:
    return StoredArray()


def _make_array_of_buffer(
    content: bytes, dtype: StoredType, shape: tuple[int, ...], order: str
) -> StoredArray:
    return StoredArray(_make_array(content, dtype, shape, is_fortran=order == "F"))


def _make_scalar(dtype: StoredType, content: bytes) -> StoredArray:
    return StoredArray(_make_array(content, dtype, (), is_fortran=False).item())


def _make_bytes(text: str = "", encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise RefusedError("makes bytes that are not written as latin1")
    return text.encode("latin1")


def _refuse_call(*_: object) -> None:
    raise RefusedError("calls a class")


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "numpy.dtype": _make_type,
    "numpy.ndarray": _refuse_call,  # the first argument of _reconstruct
    "_codecs.encode": _make_bytes,
    "builtins.bytes": _make_bytes,
    "__builtin__.bytes": _make_bytes,
    **{
        f"numpy.{core}.{name}": function
        for core in ("core", "_core")
        for name, function in (
            ("multiarray._reconstruct", _make_empty_array),
            ("multiarray.scalar", _make_scalar),
            ("numeric._frombuffer", _make_array_of_buffer),
        )
    },
}
"""What stands for each function that a pickle may name; none of them is NumPy's own."""


def set_stored_state(target: object, state: Any) -> None:
    """Give a type its byte order, or an array its numbers."""
    match target, state:
        case StoredType(), (int(), str() as order, *_):
            if order in "<>":
                target.text = order + target.text.lstrip("<>|=")
        case StoredArray(), (int(), tuple() as shape, StoredType() as dtype, is_fortran, content):
            target.value = _make_array(content, dtype, shape, is_fortran=bool(is_fortran))
        case _:
            raise RefusedError(f"sets the state of a {type(target).__name__}")


def _make_array(
    content: bytes | str, dtype: StoredType, shape: tuple[int, ...], *, is_fortran: bool
) -> NDArray[Any]:
    """Return an array of stored bytes, which Python 2 wrote as text."""
    data = content.encode("latin1") if isinstance(content, str) else content
    if not isinstance(data, bytes | bytearray):
        raise RefusedError("makes an array of other objects")
    number_type = np.dtype(dtype.text)
    sides = [side for side in shape if type(side) is int and side >= 0]
    if len(sides) != len(shape) or len(shape) > MAX_DIMENSIONS:
        raise RefusedError(
            f"makes an array of the shape {', '.join(map(_describe_value, shape[:8]))}"
        )
    if prod(sides) * number_type.itemsize != len(data):
        raise RefusedError(f"makes an array {shape} of {number_type} from {len(data)} bytes")
    numbers = np.frombuffer(bytes(data), number_type)
    return numbers.reshape(shape, order="F" if is_fortran else "C")
