"""Finds functions of the toolkit that something has replaced in this process.

A plug-in could replace the function that ranks candidates, or the one that embeds clips. The code
of every function of the toolkit is therefore compared with the code of its source file.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from types import CodeType, FunctionType, ModuleType
from typing import Any

PACKAGE = "egoexobench"
DECORATOR_PACKAGES = (PACKAGE, "click", "contextlib", "functools", "pydantic", "torch")
"""Packages whose decorators the toolkit uses."""


def find_patched_code() -> list[str]:
    """Return the full name of each function of the toolkit whose code is not its source's.

    It also names each imported name of a toolkit module that is no longer what its import says.
    """
    modules = {
        name: module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == PACKAGE and isinstance(module, ModuleType)
    }
    names: set[str] = set()
    for name, module in modules.items():
        loader = getattr(module.__spec__, "loader", None)
        if isinstance(loader, SourceFileLoader):
            names |= {f"{name}.{item}" for item in _iter_replaced(module, loader)}
            names |= {f"{name}.{item}" for item in _iter_rebound(module, loader, modules)}
    return sorted(names)


def _iter_replaced(module: ModuleType, loader: SourceFileLoader) -> Iterator[str]:
    """Yield the qualified name of each function whose code is not that of the source file."""
    for qualname, codes in _read_code(loader).items():
        functions = list(_iter_functions(_find_value(module, qualname)))
        originals = [function for function in functions if function.__code__ in codes]
        wrappers = [function for function in functions if function.__code__ not in codes]
        if (functions and not originals) or not all(map(_is_decorator, wrappers)):
            yield qualname


@functools.cache
def _read_code(loader: SourceFileLoader) -> dict[str, list[CodeType]]:
    """The code of the functions and classes of a source file, by qualified name."""
    expected: dict[str, list[CodeType]] = {}
    for code in _iter_code(loader.get_code(loader.name)):
        if "<" not in code.co_qualname:
            expected.setdefault(code.co_qualname, []).append(code)
    return expected


@functools.cache
def _read_imports(loader: SourceFileLoader) -> list[ast.ImportFrom]:
    """The statements of a source file, outside of functions, that import names of a module."""
    tree = ast.parse(loader.get_data(loader.get_filename(loader.name)))
    return [node for node in tree.body if isinstance(node, ast.ImportFrom)]


def _iter_code(code: CodeType | None) -> Iterator[CodeType]:
    """Yield the code of every function and class body in a code object."""
    for constant in code.co_consts if code else ():
        if isinstance(constant, CodeType):
            yield constant
            yield from _iter_code(constant)


def _find_value(module: ModuleType, qualname: str) -> object:
    value: object = module
    for name in qualname.split("."):
        value = inspect.getattr_static(value, name, None)
    return value


def _iter_functions(value: Any) -> Iterator[FunctionType]:
    """Yield a function, those of a method or property, and those that decorators wrap."""
    match value:
        case FunctionType():
            yield value
        case staticmethod() | classmethod():
            yield from _iter_functions(value.__func__)
            return
        case property():
            for accessor in (value.fget, value.fset):
                yield from _iter_functions(accessor)
        case functools.cached_property():
            yield from _iter_functions(value.func)
    wrapped = getattr(value, "__wrapped__", None)
    if wrapped is not None:
        yield from _iter_functions(wrapped)


def _is_decorator(wrapper: FunctionType) -> bool:
    """Whether the code of a wrapper is that of a decorator that the toolkit uses."""
    module = str(wrapper.__globals__.get("__name__", ""))
    return module.partition(".")[0] in DECORATOR_PACKAGES


def _iter_rebound(
    module: ModuleType, loader: SourceFileLoader, modules: dict[str, ModuleType]
) -> Iterator[str]:
    """Yield each name that a module imports from the toolkit and that is something else now."""
    for node in _read_imports(loader):
        source = modules.get(node.module or "")
        for alias in node.names if source else ():
            name = alias.asname or alias.name
            value = vars(module).get(name)
            if value is not vars(source).get(alias.name, value):
                yield name
