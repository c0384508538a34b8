"""A row of an annotation file that is not as it must be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a row, and whether it was left out for it.

    ``row`` is what an editor of the file shows (``line 3`` of text, ``row 3`` of a table), the
    number of a published table's record from 1, its header, or the key of a question.
    """

    file: str
    row: str
    reason: str
    dropped: bool = True

    def __str__(self) -> str:
        return f"{self.file}, {self.row}: {self.reason}"
