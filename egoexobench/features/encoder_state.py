"""Hashes what an encoder object holds, so that two encoders with other numbers never share tokens.

A network has a ``state_dict``. Any other object may hold random numbers as well: as arrays and
tensors in attributes, in lists or in the closure of a function, and in the modules and the classes
of its plug-in. `hash_state` looks into all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from logging import Logger
from pathlib import PurePath
from re import Pattern
from threading import Lock, RLock
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    ModuleType,
)
from typing import Any, final
from weakref import ReferenceType

import numpy as np
import torch
from torch import Tensor, nn

from egoexobench.features.object_contents import (
    SCALARS,
    copy_bytes,
    get_cell_content,
    list_attributes,
    list_contents,
    list_names,
)

LENGTH = 32
"""Characters of a hash."""
_WITHOUT_NUMBERS = (
    BuiltinFunctionType, CodeType, Enum, Logger, ModuleType, Pattern, PurePath, ReferenceType,
    torch.device, torch.dtype, torch.layout, torch.memory_format, np.dtype, np.ufunc,
    type(Lock()), type(RLock()),
)  # fmt: skip
_TEXT_LIBRARIES = ("tokenizers", "sentencepiece")
"""Compiled code that splits text; its objects hold no random numbers."""


@dataclass(frozen=True, slots=True)
class EncoderState:
    """Hashes of the numbers that an encoder holds, by where they are."""

    numbers: str
    """Everything that its attributes reach, without the parameters of networks."""
    tables: str | None
    """Arrays in the modules and the classes of its plug-in; None if there are none."""
    num_bytes: int
    """Size of all arrays."""
    is_complete: bool
    """False if it holds an object that cannot be looked into."""


def hash_state_dict(module: nn.Module) -> str:
    """Return the hash of a module's state, so that two sets of random weights differ."""
    total = hashlib.sha256()
    for name, value in module.state_dict().items():
        if isinstance(value, Tensor):
            total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            total.update(copy_bytes(value))
        else:  # the extra state of a module
            total.update(f"{name} {hash_state(value).numbers}".encode())
    return total.hexdigest()[:LENGTH]


def hash_networks(encoder: object) -> str | None:
    """Return the hash of the weights of every network that an encoder is or holds; None if none."""
    if isinstance(encoder, nn.Module):
        return hash_state_dict(encoder)
    walker = _StateWalker()
    walker.visit_root(encoder)
    hashes = [hash_state_dict(module) for module in walker.networks]
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()[:LENGTH] if hashes else None


def hash_state(encoder: object, plugin_modules: Iterable[str] = ()) -> EncoderState:
    """Return hashes of the numbers that an encoder holds.

    Args:
        encoder: any object.
        plugin_modules: names of the modules of its plug-in, whose arrays count as well.
    """
    walker = _StateWalker(frozenset(plugin_modules))
    walker.visit_root(encoder)
    numbers = walker.total.hexdigest()[:LENGTH]
    walker.total = hashlib.sha256()
    num_tables = walker.visit_tables()
    return EncoderState(
        numbers=numbers,
        tables=walker.total.hexdigest()[:LENGTH] if num_tables else None,
        num_bytes=walker.num_bytes,
        is_complete=walker.is_complete,
    )


@final
class _StateWalker:
    """Adds each object that another object reaches to a hash, once."""

    def __init__(self, plugin_modules: frozenset[str] = frozenset()) -> None:
        self.total = hashlib.sha256()
        self.plugin_modules = plugin_modules
        self.networks: list[nn.Module] = []
        self.num_bytes = 0
        self.is_complete = True
        self._visited: dict[int, tuple[int, object]] = {}  # objects must live, so that ids differ
        self._plugin_code: dict[str, FunctionType | type] = {}
        self._depth_of_networks = 0

    def visit_root(self, value: object) -> None:
        """Add an object and everything that it reaches."""
        try:
            self.visit(value)
        except RecursionError:
            self.is_complete = False

    def visit(self, value: object) -> None:
        """Add an object; one that was added before gives its number alone."""
        if isinstance(value, SCALARS):
            self._add(repr(value))
            return
        if isinstance(value, str):
            self._add("path" if "/" in value or "\\" in value else value)
            return
        self._add(type(value).__qualname__)
        if id(value) in self._visited:
            self._add(f"object {self._visited[id(value)][0]}")
            return
        self._visited[id(value)] = len(self._visited), value
        self._visit_new(value)

    def visit_tables(self) -> int:
        """Add the arrays in the modules and classes of the plug-in; return how many there are."""
        num_tables, visited = 0, set[int]()
        pending = list(self._plugin_code.items())
        while pending:
            name, code = pending.pop()
            if id(code) in visited:
                continue
            visited.add(id(code))
            for key, value in sorted(list_names(code).items()):
                inner = getattr(value, "__wrapped__", value)  # of a cached function
                if isinstance(inner, FunctionType | type):
                    if self._is_of_plugin(inner):
                        pending.append((f"{name}.{key}", inner))
                elif isinstance(value, Tensor | np.ndarray | nn.Module):
                    self._add(f"{name}.{key}")
                    self.visit_root(value)
                    num_tables += 1
        return num_tables

    def _visit_new(self, value: object) -> None:
        match value:
            case nn.Parameter():
                self.num_bytes += value.nbytes
            case Tensor() | np.ndarray() | np.generic():
                self._visit_array(value)
            case bytes() | bytearray() | memoryview():
                self._add(bytes(value))
            case nn.Module():
                self._visit_network(value)
            case FunctionType():
                self._visit_function(value)
            case type():
                self._add_plugin_code(value)
            case _:
                contents = list_contents(value)
                if contents is None:
                    self._visit_object(value)
                else:
                    self._visit_all(contents)

    def _visit_array(self, value: Tensor | np.ndarray[Any, Any] | np.generic) -> None:
        if isinstance(value, np.ndarray) and value.dtype.hasobject:
            self._visit_all(value.ravel().tolist())
            return
        self._add(f"{value.dtype} {tuple(value.shape)}")
        if isinstance(value, Tensor) and (value.is_meta or value.layout != torch.strided):
            self.is_complete = False
            return
        content = copy_bytes(value) if isinstance(value, Tensor) else value.tobytes()
        self.num_bytes += len(content)
        self._add(content)

    def _visit_network(self, module: nn.Module) -> None:
        if not self._depth_of_networks:
            self.networks.append(module)
        self._depth_of_networks += 1
        self._visit_object(module)
        self._depth_of_networks -= 1

    def _visit_all(self, values: Iterable[object]) -> None:
        for value in values:
            self.visit(value)
        self._add("end")

    def _visit_function(self, function: FunctionType) -> None:
        self._add_plugin_code(function)
        self._add(function.__qualname__)
        for cell in function.__closure__ or ():
            self.visit(get_cell_content(cell))
        self._visit_all((function.__defaults__, function.__kwdefaults__, vars(function)))

    def _visit_object(self, value: object) -> None:
        library = type(value).__module__.partition(".")[0]
        if isinstance(value, _WITHOUT_NUMBERS) or library in _TEXT_LIBRARIES:
            return
        self._add_plugin_code(type(value))
        attributes = list_attributes(value)
        if attributes is None:
            self.is_complete &= type(value) is object
        else:
            self._visit_all(list_contents(attributes) or ())

    def _add_plugin_code(self, code: FunctionType | type) -> None:
        for item in code.__mro__ if isinstance(code, type) else (code,):
            if self._is_of_plugin(item):
                self._plugin_code[f"{item.__module__}.{item.__qualname__}"] = item

    def _is_of_plugin(self, code: FunctionType | type) -> bool:
        return code.__module__ in self.plugin_modules

    def _add(self, item: str | bytes) -> None:
        content = item if isinstance(item, bytes) else item.encode("utf-8", "surrogatepass")
        self.total.update(len(content).to_bytes(8, "little"))
        self.total.update(content)
