"""What a case of the campaign ended in."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fault_cases.material import CaseMaterial

Verdict = Literal[
    "right", "one line", "traceback", "hang", "silently different", "left over", "skipped"
]
FAILURES: tuple[Verdict, ...] = ("traceback", "hang", "silently different", "left over")
"""`traceback`: also a crash, or an end without a line that says why; `left over`: a draft or a
process stays behind."""
VERDICTS: tuple[Verdict, ...] = ("right", "one line", *FAILURES, "skipped")


@dataclass(frozen=True)
class CaseOutcome:
    """The verdict of a case, and why."""

    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True)
class FaultCase:
    """One case: its id alone decides what happens in it."""

    id: str
    seed: int
    folder: Path
    material: CaseMaterial
    notes: list[str] = field(default_factory=list)
    """What was done, for the list of failures."""

    @property
    def number(self) -> int:
        """Its number among the cases of its kind."""
        return int(self.id.rpartition("-")[2])

    def create_random(self) -> random.Random:
        """Return a generator that depends on the campaign's seed and the id."""
        return random.Random(f"{self.seed}/{self.id}")

    def add_note(self, note: str) -> None:
        """Say what is done."""
        self.notes.append(note)
