"""Pairs: two processes that do not see each other run one command on one cache.

Each has process ids of its own, as two containers have, so that both are number 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

from fault_cases.forked_command import finish_command, start_command
from fault_cases.judge import judge_command, judge_end
from fault_cases.material import copy_folders
from fault_cases.outcome import FAILURES, CaseOutcome, FaultCase
from fault_cases.recipes import RECIPES, make_command

RECIPES_OF_PAIRS = (
    *("run", "run-trained", "run-synthetic", "extract", "audit", "doctor", "sanity", "embed"),
)
COUNT = len(RECIPES_OF_PAIRS)
ISOLATION = (
    *("unshare", "--pid", "--fork", "--kill-child"),
    *(() if os.geteuid() == 0 else ("--map-root-user",)),
)


def check_case(case: FaultCase) -> CaseOutcome:
    """Start a command twice at once on an empty cache, and judge both."""
    name = RECIPES_OF_PAIRS[case.number]
    recipe = RECIPES[name]
    copy_folders(case.material, recipe, case.folder)
    shutil.rmtree(case.folder / "cache")
    wrapper = ISOLATION if can_isolate() else ()
    command = make_command(recipe, wrapper=wrapper, is_real=True)
    case.add_note(f"{command}, twice; {'private' if wrapper else 'common'} process ids")
    running = [start_command(command, case.folder, f"-{index}") for index in range(2)]
    results = [finish_command(process, command, case.folder) for process in running]
    endings = [judge_end(result) for result in results]
    for ending in endings:
        if ending and (ending.verdict in FAILURES or all(endings)):
            return ending
    if recipe.output == "stdout.txt":
        for index in range(2):
            shutil.copy(case.folder / f"stdout-{index}.txt", case.folder / "stdout.txt")
            outcome = judge_command(case, name, results[index])
            if outcome.verdict != "right":
                return outcome
        return outcome
    return judge_command(case, name, results[0] if endings[0] is None else results[1])


@cache
def can_isolate() -> bool:
    """Return whether this user may have process ids of its own."""
    done = subprocess.run([*ISOLATION, "true"], check=False, capture_output=True)
    return done.returncode == 0
