"""`NAME:KEY=VALUE,...`: the text that names a part and sets its options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from egoexobench.errors import UsageError

OptionValue = str | int | float | bool | Path | None

_OPTION = re.compile(
    r"""
    (?P<key>[^=,]+)=
    (?: "(?P<quoted>(?:[^"]|"")*)"   # a double quote inside is written twice
      | (?P<plain>(?!")[^,]*)
    )
    (?:,|\Z)
    """,
    re.VERBOSE,
)
_NEEDS_QUOTES = re.compile(r"[,\s\"']")


@final
@dataclass(frozen=True, slots=True)
class Spec:
    """The name of a part and its options as text.

    The text form is ``NAME:KEY=VALUE,KEY=VALUE``. A value with a comma stands in double quotes, and
    a double quote inside of them is written twice. ``str(spec)`` sets quotes where they are needed,
    so that ``Spec.parse(str(spec)) == spec``.

    >>> Spec.parse("lavila:size=base").options["size"]
    'base'
    >>> str(Spec("lavila").add_options({"weights": Path("a,b.pth")}))
    'lavila:weights="a,b.pth"'
    """

    name: str
    options: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name or ":" in self.name:
            raise UsageError(f"{self.name!r} is not the name of a part")
        for key in self.options:
            if not key or "=" in key or "," in key:
                raise UsageError(f"{key!r} is not the name of an option")
        object.__setattr__(self, "options", dict(self.options))

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Return the spec that a text such as ``lavila:size=base`` stands for.

        Raises:
            UsageError: if the name is missing, an option is not ``key=value``, or a key is there
                twice.
        """
        name, _, rest = text.partition(":")
        if not name:
            raise UsageError(f"cannot read {text!r}: expected NAME or NAME:key=value,key=value")
        options: dict[str, str] = {}
        for key, value in _parse_options(rest, text):
            if key in options:
                raise UsageError(f"option {key!r} is set twice in {text!r}")
            options[key] = value
        return cls(name, options)

    def add_options(self, options: Mapping[str, OptionValue]) -> Spec:
        """Return the spec with more options; an option that is None is left out."""
        extra = {key: format_value(value) for key, value in options.items() if value is not None}
        return Spec(self.name, {**self.options, **extra})

    def __str__(self) -> str:
        options = ",".join(f"{key}={_quote(value)}" for key, value in self.options.items())
        return f"{self.name}:{options}" if options else self.name

    def __hash__(self) -> int:
        return hash((self.name, frozenset(self.options.items())))


def _parse_options(rest: str, text: str) -> Iterator[tuple[str, str]]:
    start, last = 0, None
    while start < len(rest):
        if rest[start] == ",":
            start += 1
            continue
        match = _OPTION.match(rest, start)
        if match is None:
            raise UsageError(_explain_syntax_error(rest[start:], last, text))
        quoted = match["quoted"]
        value = match["plain"] if quoted is None else quoted.replace('""', '"')
        last = match["key"], value
        yield last
        start = match.end()


def _explain_syntax_error(rest: str, last: tuple[str, str] | None, text: str) -> str:
    item = rest.partition(",")[0]
    key, equals, value = item.partition("=")
    if key and equals and value.startswith('"'):
        problem = "expected a closing double quote and then a comma or the end"
    elif last is None or equals:
        problem = "expected key=value"
    else:
        whole_value = _quote(f"{last[1]},{item}")
        problem = (
            "expected key=value; put a value with a comma in double quotes: "
            f"{last[0]}={whole_value}"
        )
    return f"cannot read {item!r} in {text!r}: {problem}"


def _quote(value: str) -> str:
    if _NEEDS_QUOTES.search(value):
        doubled = value.replace('"', '""')
        return f'"{doubled}"'
    return value


def format_value(value: OptionValue) -> str:
    """Return an option's value as it is typed."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
