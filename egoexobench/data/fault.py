"""What can be wrong with a media file, or with a span of one."""

from __future__ import annotations

from typing import Literal, final

from egoexobench.errors import DataError

Fault = Literal[
    "missing",
    "not media",
    "no pictures",
    "cut short",
    "beyond the end",
    "late",
    "undecodable",
    "unsampled",
]
"""`late`: the pictures start after the span; `undecodable`: the file opens and a frame does not;
`unsampled`: the rule that picks frames gives too few of this span, or none."""


@final
class MediaError(DataError):
    """A clip that cannot be decoded.

    Args:
        fault: what to count it under.
        reason: one line that names the file, what was found and what was expected.
        clip: id of the clip, where one was asked for.
    """

    def __init__(self, fault: Fault, reason: str, clip: str = "") -> None:
        super().__init__(f"clip {clip}: {reason}" if clip else reason)
        self.fault = fault
        self.reason = reason
