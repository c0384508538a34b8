"""Decides what a case ended in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from fault_cases.forked_command import CommandResult, run_command
from fault_cases.measured_numbers import find_difference, read_numbers
from fault_cases.outcome import CaseOutcome, FaultCase
from fault_cases.recipes import RECIPES, make_command

LINE_STARTS = ("egoexobench: ", "Error: ")
MAX_LINE = 1500
_BUG = re.compile(
    r"^(?!.*plug-in).*\b(Attribute|Type|Key|Index|Assertion|ZeroDivision|Overflow|Unicode\w+|Recursion"
    r"|Memory|NotImplemented|Validation)Error\b.*",
    re.MULTILINE,
)
"""What Python says of a bug, in a line that is not about a plug-in."""
TRACEBACK = "Traceback (most recent call last)"


def judge_end(result: CommandResult, *, endings: Sequence[int] = ()) -> CaseOutcome | None:
    """Return the fault of how a command ended, one line if it refused, or None if it succeeded.

    Args:
        result: of the command.
        endings: further codes that are right, such as that of a signal which was sent.
    """
    if fault := _find_fault(result):
        return fault
    if result.code in endings or result.code == 0:
        return None
    lines = result.stderr.strip().splitlines() or [""]
    if result.code < 0 or result.code > 2:
        return CaseOutcome("traceback", f"ended with code {result.code}: {lines[-1][:200]!r}")
    if lines[-1].startswith(LINE_STARTS):
        is_short = len(lines[-1]) <= MAX_LINE
        return CaseOutcome("one line" if is_short else "traceback", lines[-1][:300])
    if result.code == 1 and result.stdout.strip():
        return CaseOutcome("one line", result.stdout.strip().splitlines()[-1][:300])
    return CaseOutcome("traceback", f"code {result.code} without a line: {lines[-1][:200]!r}")


def _find_fault(result: CommandResult) -> CaseOutcome | None:
    """Return what no ending of a command excuses."""
    if result.is_hanging:
        return CaseOutcome("hang", f"no end within {result.seconds:.0f} s")
    for text in (result.stderr, result.stdout):
        if TRACEBACK in text:
            return CaseOutcome("traceback", text.strip().rpartition("\n")[2][:300])
        if match := _BUG.search(text):
            return CaseOutcome("traceback", f"the text of a bug: {match.group()[:200]}")
    if result.survivors:
        return CaseOutcome("left over", f"processes {result.survivors} still run")
    return None


def judge_command(
    case: FaultCase, recipe: str, result: CommandResult, *, damaged: str | None = None
) -> CaseOutcome:
    """Judge a command that must give the numbers of its recipe, or say that it cannot.

    Args:
        case: whose folder it ran in.
        recipe: its name.
        result: how it ended.
        damaged: the name of a file that was damaged; other numbers are right if a line names it.
    """
    ending = judge_end(result)
    if ending:
        return ending
    if drafts := list_drafts(case.folder):
        return CaseOutcome("left over", f"drafts: {', '.join(drafts)[:200]}")
    if follow := RECIPES[recipe].follow:
        result = run_command(make_command(RECIPES[follow]), case.folder)
        return judge_command(case, follow, result, damaged=damaged)
    difference = compare_output(case, recipe)
    if not difference:
        return CaseOutcome("right")
    if damaged and damaged in result.stderr + result.stdout:
        return CaseOutcome("one line", f"it names {damaged}; {difference}")
    return CaseOutcome("silently different", difference)


def list_drafts(folder: Path) -> list[str]:
    """Return drafts below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".*.draft"))


def compare_output(case: FaultCase, recipe: str) -> str:
    """Return where the output of a recipe differs from the right one; empty if it does not."""
    path = case.folder / RECIPES[recipe].output
    try:
        return find_difference(read_numbers(path), case.material.numbers[recipe])
    except Exception as error:
        return f"the output cannot be read: {type(error).__name__}: {error}"
