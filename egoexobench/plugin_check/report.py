"""What a check of plug-ins says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from egoexobench.registry import PartFactory

CheckState = Literal["passed", "failed", "not checked"]
CheckName = Literal["import", "contract", "run", "audit", "tests"]
CHECK_NAMES: tuple[CheckName, ...] = ("import", "contract", "run", "audit", "tests")


class CheckResult(BaseModel):
    """One check of one part, or of a distribution where ``kind`` is empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    distribution: str
    """Name and version."""
    kind: str
    name: str
    check: CheckName
    state: CheckState
    reason: str = ""
    """Why it failed or was not done, in one line."""
    seconds: float = 0.0

    @property
    def label(self) -> str:
        """What was checked, for people to read."""
        part = f"{self.kind} {self.name!r} of " if self.kind else ""
        return f"{part}{self.distribution}"


class CheckReport(BaseModel):
    """All checks of some distributions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    egoexobench: str
    """Version of the toolkit."""
    results: tuple[CheckResult, ...]

    @property
    def num_parts(self) -> int:
        """Number of parts."""
        return len({(r.distribution, r.kind, r.name) for r in self.results if r.kind})

    def list_unchecked(self) -> list[CheckResult]:
        """Return the contracts that were not checked."""
        return [r for r in self.results if r.state == "not checked" and r.check == "contract"]

    def list_failures(self) -> list[CheckResult]:
        """Return the checks that failed."""
        return [r for r in self.results if r.state == "failed"]

    def is_passed(self, *, is_strict: bool = False) -> bool:
        """Whether no check failed and at least one contract was checked; strict: all of them."""
        has_checked = any(r.state == "passed" and r.check == "contract" for r in self.results)
        return (
            not self.list_failures() and has_checked and not (is_strict and self.list_unchecked())
        )


def make_part_result(
    part: PartFactory,
    check: CheckName,
    state: CheckState,
    *,
    reason: str = "",
    seconds: float = 0.0,
) -> CheckResult:
    """Return the result of a check of a part."""
    return CheckResult(
        distribution=str(part.distribution),
        kind=part.kind,
        name=part.name,
        check=check,
        state=state,
        reason=" ".join(reason.split()),
        seconds=round(seconds, 3),
    )
