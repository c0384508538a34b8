"""What the verification of a record says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of one record; ``print`` it.

    Attributes:
        record: path of the record.
        differences: one line for each thing that is not as the record says.
        skipped: one line for each thing that the files beside the record do not let us recompute.
    """

    record: Path
    differences: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def is_verified(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """Return what `egoexobench verify --json` prints."""
        return {
            "record": str(self.record),
            "verified": self.is_verified,
            "differences": list(self.differences),
            "skipped": list(self.skipped),
        }

    def __str__(self) -> str:
        if self.is_verified:
            return "; ".join((f"{self.record}: verified", *self.skipped))
        return "\n".join(_name_record(self.record, line) for line in self.differences)


def _name_record(record: Path, line: str) -> str:
    return line if str(record) in line else f"{record}: {line}"
