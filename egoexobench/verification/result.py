"""What the verification of a record says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of one record.

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
