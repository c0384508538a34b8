"""Kills: a command is ended at a random moment, and then repeated.

The repetition must give the numbers of a command that nobody ended. A signal that can be caught
leaves no draft and no process.
"""

from __future__ import annotations

import shutil
import signal

from fault_cases.forked_command import SignalMoment, run_command
from fault_cases.judge import compare_output, judge_command, judge_end, list_drafts
from fault_cases.material import copy_folders
from fault_cases.outcome import CaseOutcome, FaultCase
from fault_cases.recipes import RECIPES, make_command

COUNT = 200
SIGNALS = (signal.SIGKILL,) * 5 + (signal.SIGTERM,) * 3 + (signal.SIGINT, signal.SIGHUP)
REAL_EVERY = 12
"""One of so many commands is a process of its own, which is ended while it imports as well."""
REAL_START_S = 3.0
SLOW_START_S = {"run": 1.5, "run-trained": 2.5, "run-synthetic": 4.0, "sweep": 8.0}
"""What an empty cache adds to a command, about."""
COMMANDS = (*RECIPES, "run", "run-trained", "extract", "audit", "embed")


def check_case(case: FaultCase) -> CaseOutcome:
    """End a command, repeat it, and compare its numbers."""
    rng = case.create_random()
    name = COMMANDS[case.number % len(COMMANDS)]
    recipe = RECIPES[name]
    is_cold = name != "tables" and rng.random() < 0.6
    copy_folders(case.material, recipe, case.folder)
    if is_cold:
        for folder in ("cache", "swept"):
            shutil.rmtree(case.folder / folder, ignore_errors=True)
    is_real = case.number % REAL_EVERY == 0
    longest = case.material.seconds[name] + (SLOW_START_S.get(name, 0.5) if is_cold else 0)
    moment = SignalMoment(
        rng.choice(SIGNALS), rng.uniform(0, 1.1 * longest + REAL_START_S * is_real)
    )
    command = make_command(recipe, moment=moment, is_real=is_real)
    case.add_note(f"{command}, {'cold' if is_cold else 'warm'}, {moment}")
    ended = run_command(command, case.folder)
    number = moment.number
    fault = judge_end(ended, endings=(-number, 128 + number))
    is_orphan = number == signal.SIGKILL and fault and fault.verdict == "left over"
    if fault and fault.verdict != "one line" and not is_orphan:  # who is killed ends nobody
        return fault
    if number != signal.SIGKILL and (drafts := list_drafts(case.folder)):
        return CaseOutcome("left over", f"drafts after {moment}: {', '.join(drafts)[:200]}")
    for draft in case.folder.rglob(".*.draft"):
        draft.unlink()  # of the process that could not remove them
    outcome = judge_command(case, name, run_command(make_command(recipe), case.folder))
    if outcome.verdict == "one line":
        if "already" in outcome.reason and not compare_output(case, name):
            return CaseOutcome("right", "the first command had written all")
        return CaseOutcome("traceback", f"the repeated command fails: {outcome.reason}")
    if outcome.verdict == "right" and name.startswith("run"):
        return _verify_records(case)
    return outcome


def _verify_records(case: FaultCase) -> CaseOutcome:
    """Verify what both commands left: a record that has its name is complete."""
    from fault_cases.forked_command import CommandLine
    from fault_cases.recipes import make_environment

    result = run_command(CommandLine(("verify", "out"), make_environment()), case.folder)
    fault = judge_end(result)
    if fault and fault.verdict == "one line":
        return CaseOutcome("silently different", f"a record does not verify: {fault.reason}")
    return fault or CaseOutcome("right")
