"""Checks of the options of a launcher."""

from __future__ import annotations

import re

from egoexobench.errors import UsageError

_BYTES = re.compile(r"(\d+)([KMGT])(?:i?B)?")
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


def check_limits(launcher: str, **limits: tuple[float | None, int]) -> None:
    """Check numbers against their minimum; None is valid.

    Raises:
        UsageError: for the first number that is too small.
    """
    for name, (value, minimum) in limits.items():
        if value is not None and not value >= minimum:
            raise UsageError(
                f"{name}={value} is invalid for launcher {launcher!r}: must be {minimum} or more"
            )


def parse_bytes(text: str) -> int:
    """Return the bytes of a text such as ``32G``, in powers of 1,024.

    Raises:
        UsageError: if it is not a whole number with K, M, G or T.
    """
    match = _BYTES.fullmatch(text)
    if match is None:
        raise UsageError(f"memory={text!r} is not valid: write a number with K, M, G or T: 32G")
    return int(match[1]) * int(1024 ** _POWERS[match[2]])
