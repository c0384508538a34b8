"""Check that counts, times and prices are not too small."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from egoexobench.errors import UsageError


def check_minimum(part: str, options: Mapping[str, tuple[float, float]]) -> None:
    """Compare each option's value with its minimum.

    Args:
        part: kind and name of the part, such as ``captioner 'openai'``.
        options: value and minimum by name.

    Raises:
        UsageError: for the first value that is below its minimum or not finite.
    """
    for name, (value, minimum) in options.items():
        if not minimum <= value < inf:
            raise UsageError(f"{name}={value:g} is invalid for {part}: must be {minimum:g} or more")
