"""``name:key=value,key=value`` to a name and typed keyword arguments.

A factory's keyword-only parameters are its schema: their annotations say the type, their defaults
the default. Supported are ``str``, ``int``, ``float``, ``bool``, ``Path``, ``Literal`` of strings
and ``X | None`` (written ``none``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from egoexobench.errors import UsageError, unknown

REQUIRED = inspect.Parameter.empty
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a part; ``default`` is `REQUIRED` where there is none."""

    name: str
    type: Any
    default: Any


def parse(spec: str) -> tuple[str, dict[str, str]]:
    """Split ``name:key=value,key=value`` into the name and its raw options.

    Raises:
        UsageError: if an option has no ``=`` or is given twice.
    """
    name, _, rest = spec.partition(":")
    raw: dict[str, str] = {}
    for item in filter(None, rest.split(",")):
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise UsageError(f"option {item!r} of {spec!r} is not key=value")
        if key in raw:
            raise UsageError(f"option {key!r} of {spec!r} is given twice")
        raw[key] = value
    return name, raw


def options(factory: Callable[..., Any]) -> dict[str, Option]:
    """Return the options of a factory by name, in the order of its signature."""
    parameters = [
        parameter
        for parameter in inspect.signature(factory).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    annotations = {parameter.name: parameter.annotation for parameter in parameters}
    scope = getattr(inspect.unwrap(factory), "__globals__", {})
    hints = get_type_hints(SimpleNamespace(__annotations__=annotations), globalns=scope)
    return {p.name: Option(p.name, hints.get(p.name, str), p.default) for p in parameters}


def bind(factory: Callable[..., Any], raw: Mapping[str, str], owner: str) -> dict[str, Any]:
    """Return every option of a factory, typed: those of ``raw`` and the defaults of the rest.

    Args:
        factory: the part's factory.
        raw: options as text.
        owner: what errors call the part, such as ``encoder 'beats'``.

    Raises:
        UsageError: for an unknown, missing or ill-typed option.
    """
    known = options(factory)
    for name in raw:
        if name not in known:
            raise UsageError(unknown(f"option of {owner}", name, known))
    bound: dict[str, Any] = {}
    for name, option in known.items():
        if name in raw:
            bound[name] = convert(raw[name], option.type, f"option {name!r} of {owner}")
        elif option.default is REQUIRED:
            raise UsageError(f"{owner} needs the option {name!r} ({describe(option.type)})")
        else:
            bound[name] = option.default
    return bound


def convert(text: str, kind: Any, what: str) -> Any:
    """Return ``text`` as a value of the annotated type ``kind``.

    Raises:
        UsageError: saying what was found and what would work.
    """
    for one in _alternatives(kind):
        try:
            return _CONVERT.get(one, one)(text) if get_origin(one) is None else _pick(text, one)
        except (ValueError, KeyError):
            continue
    raise UsageError(f"{what} is {text!r}; it takes {describe(kind)}")


def describe(kind: Any) -> str:
    """Return what an annotated type accepts, in words.

    >>> describe(int | None)
    'a whole number or none'
    """
    if get_origin(kind) is Literal:
        return " or ".join(str(value) for value in get_args(kind))
    alternatives = _alternatives(kind)
    if len(alternatives) > 1:
        return " or ".join(describe(one) for one in alternatives)
    return _WORDS.get(kind, str(kind))


def _alternatives(kind: Any) -> tuple[Any, ...]:
    if get_origin(kind) not in (Union, UnionType):
        return (kind,)
    # none goes first, so that `str | None` reads the word and not a string
    return tuple(sorted(get_args(kind), key=lambda one: one is not type(None)))


def _pick(text: str, kind: Any) -> Any:
    return {str(value): value for value in get_args(kind)}[text]


_CONVERT: dict[Any, Callable[[str], Any]] = {
    bool: lambda text: _TRUTH[text.lower()],
    type(None): lambda text: {"none": None}[text.lower()],
    Path: lambda text: Path(text).expanduser(),
}
_WORDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path",
    type(None): "none",
}
