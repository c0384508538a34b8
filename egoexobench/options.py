"""The options of a part: keyword-only parameters of its factory, with types.

Annotations say the type, defaults the default. Supported are ``str``, ``int``, ``float``, ``bool``,
``Path``, ``Literal`` of strings and ``X | None`` (written ``none``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from egoexobench.errors import UsageError, format_unknown_name

REQUIRED = inspect.Parameter.empty
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a part; ``default`` is `REQUIRED` where there is none."""

    name: str
    type: Any
    default: Any


def get_options(factory: Callable[..., Any]) -> dict[str, Option]:
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


def resolve_options(
    factory: Callable[..., Any], texts: Mapping[str, str], owner: str
) -> dict[str, Any]:
    """Return every option of a factory with its type: those of ``texts`` and the defaults.

    Args:
        factory: the part's factory.
        texts: options as text.
        owner: what errors call the part, such as ``encoder 'beats'``.

    Raises:
        UsageError: for an unknown, missing or ill-typed option.
    """
    options = get_options(factory)
    for name in texts:
        if name not in options:
            raise UsageError(format_unknown_name("option", name, options, f"of {owner}"))
    resolved: dict[str, Any] = {}
    for name, option in options.items():
        if name in texts:
            resolved[name] = parse_value(texts[name], option.type, f"option {name!r} of {owner}")
        elif option.default is REQUIRED:
            raise UsageError(f"{owner} needs the option {name!r} ({describe_type(option.type)})")
        else:
            resolved[name] = option.default
    return resolved


def parse_value(text: str, annotation: Any, label: str) -> Any:
    """Return ``text`` as a value of the annotated type.

    Args:
        text: the value as text.
        annotation: the type, such as ``int | None``.
        label: what errors call the value, such as ``option 'size' of encoder 'beats'``.

    Raises:
        UsageError: with the value and what is accepted.
    """
    for option_type in _split_union(annotation):
        try:
            if get_origin(option_type) is not None:
                return _parse_literal(text, option_type)
            return _PARSERS.get(option_type, option_type)(text)
        except (ValueError, KeyError):
            continue
    raise UsageError(f"{label} is {text!r}; expected {describe_type(annotation)}")


def describe_type(annotation: Any) -> str:
    """Return what an annotated type accepts, in words.

    >>> describe_type(int | None)
    'a whole number or none'
    """
    if get_origin(annotation) is Literal:
        return " or ".join(str(value) for value in get_args(annotation))
    alternatives = _split_union(annotation)
    if len(alternatives) > 1:
        return " or ".join(describe_type(alternative) for alternative in alternatives)
    return _TYPE_NAMES.get(annotation, str(annotation))


def _split_union(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) not in (Union, UnionType):
        return (annotation,)
    # none goes first, so that `str | None` reads the word and not a string
    return tuple(sorted(get_args(annotation), key=lambda member: member is not type(None)))


def _parse_literal(text: str, annotation: Any) -> Any:
    return {str(value): value for value in get_args(annotation)}[text]


_PARSERS: dict[Any, Callable[[str], Any]] = {
    bool: lambda text: _BOOLEANS[text.lower()],
    type(None): lambda text: {"none": None}[text.lower()],
    Path: lambda text: Path(text).expanduser(),
}
_TYPE_NAMES: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path",
    type(None): "none",
}
