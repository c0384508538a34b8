"""What a Python object holds: attributes, slots, the cells and the names of its code."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from types import CellType, CodeType, FunctionType, MappingProxyType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor

SCALARS = (type(None), bool, int, float, complex, range, slice)


def copy_bytes(value: Tensor) -> bytes:
    """The bytes of a tensor, from any device."""
    flat = value.detach().cpu().contiguous().flatten()
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def list_contents(value: object) -> Iterable[object] | None:
    """What a container, a bound function or a random generator holds; None for other objects."""
    contents: Iterable[object] | None = None
    match value:
        case dict() | MappingProxyType():
            contents = [item for key in _sort_scalars(value) for item in (key, value[key])]
        case list() | tuple() | deque():
            contents = value
        case set() | frozenset():
            contents = _sort_scalars(value)
        case partial():
            contents = value.func, value.args, value.keywords
        case MethodType():
            contents = value.__self__, value.__func__
        case np.random.Generator():
            contents = (value.bit_generator.state,)
        case np.random.RandomState():
            contents = (value.get_state(legacy=False),)
        case torch.Generator():
            contents = (value.get_state(),)
        case random.Random():
            contents = (value.getstate(),)
    return contents


def _are_scalars(values: Iterable[object]) -> bool:
    return all(isinstance(value, (str, bytes, *SCALARS)) for value in values)


def _sort_scalars(values: Iterable[Any]) -> list[Any]:
    """Numbers and texts in an order that does not depend on the process."""
    items = list(values)
    return sorted(items, key=repr) if _are_scalars(items) else items


def list_attributes(value: object) -> dict[str, object] | None:
    """Attributes of an object by name; None if it has none that can be looked into."""
    attributes: dict[str, object] | None = getattr(value, "__dict__", None)
    slots = {name for cls in type(value).__mro__ for name in _list_slots(cls)}
    if attributes is None and not slots:
        return None
    in_slots = {name: getattr(value, name, None) for name in slots}
    return {**in_slots, **(attributes or {})}


def _list_slots(cls: type) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def list_names(code: FunctionType | type) -> dict[str, object]:
    """What a function may read from its module, or what a class has, by name."""
    if isinstance(code, type):
        return {name: _unwrap_method(value) for name, value in vars(code).items()}
    names = set(_iter_code_names(code.__code__))
    return {name: value for name, value in code.__globals__.items() if name in names}


def _iter_code_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _iter_code_names(constant)


def _unwrap_method(value: object) -> object:
    """The function of a property, or of a static or class method."""
    if isinstance(value, property):
        return value.fget
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value


def get_cell_content(cell: CellType) -> object:
    """What a function has of the scope around it; None if there is nothing yet."""
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None
