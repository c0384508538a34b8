"""The least that counts, times and prices may be."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from egoexobench.errors import UsageError


def least(captioner: str, options: Mapping[str, tuple[float, float]]) -> None:
    """Compare what options are with the least that they take.

    Raises:
        UsageError: naming the first that is less, or no finite number.
    """
    for name, (found, bound) in options.items():
        if not bound <= found < inf:
            raise UsageError(
                f"option {name!r} of captioner {captioner!r} is {found:g}; it takes {bound:g} or "
                "more"
            )
