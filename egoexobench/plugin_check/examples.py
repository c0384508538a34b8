"""The options with which each part is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoexobench.errors import DataError, UsageError, format_exception_line
from egoexobench.options import REQUIRED, get_options
from egoexobench.part_results import describe_value
from egoexobench.registry import PartFactory
from egoexobench.spec import Spec

TOKEN_WIDTH = 16
"""D of the tokens with which fusions and scorers are created."""


class NoExampleError(UsageError):
    """A part needs options, and its plug-in gives no example of them."""


@dataclass(frozen=True, slots=True)
class PartExample:
    """A part with the options that a check uses."""

    part: PartFactory
    options: Mapping[str, Any]

    @property
    def spec(self) -> Spec:
        """What a user would type."""
        return Spec(self.part.name).add_options(self.options)


def make_example(part: PartFactory, folder: Path) -> PartExample:
    """Return a part with the options of its example, or without any.

    Args:
        part: the part.
        folder: an empty folder, into which a function may write what the part reads.

    Raises:
        NoExampleError: if an option has no default and there is no example.
        AssertionError: if the example is not valid.
    """
    options = get_options(part.factory)
    example = part.example
    if callable(example):
        try:
            example = example(folder)
        except (Exception, SystemExit) as error:  # a plug-in may fail in any way
            raise AssertionError(f"its example raised {format_exception_line(error)}") from error
    if example is not None and not isinstance(example, Mapping):
        raise AssertionError(f"its example is {describe_value(example)}; it must be a mapping")
    values = dict(example or {})
    if unknown := sorted(set(values) - set(options)):
        raise AssertionError(f"its example has the option {unknown[0]!r}, which it does not take")
    missing = [
        option.name
        for option in options.values()
        if option.default is REQUIRED and option.name not in values
    ]
    if missing:
        raise NoExampleError(
            f"option {missing[0]!r} has no default; register the part with "
            f"example={{{missing[0]!r}: ...}}"
        )
    return PartExample(part, values)


def is_unavailable(error: BaseException | None, example: PartExample) -> bool:
    """Whether a part cannot be checked because this machine lacks something.

    An example must work everywhere, so that an error with it is a fault of the plug-in.
    """
    return isinstance(error, UsageError | DataError) and not example.options
