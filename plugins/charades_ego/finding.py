"""A row that is not as it must be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a row, and whether it was left out for it.

    ``row`` counts the records of a table from 1, its header.
    """

    file: str
    row: str
    reason: str
    dropped: bool = True
