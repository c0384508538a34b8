"""Agreements: two ways of reading one damaged film must come to the same.

What the doctor calls usable, a run uses. The sound of a clip is the same whether its pictures are
decoded in the same call or not.
"""

from __future__ import annotations

import shutil

from fault_cases.forked_command import CommandLine, run_command
from fault_cases.input_films import damage_film
from fault_cases.judge import judge_end
from fault_cases.measured_numbers import find_difference, read_numbers
from fault_cases.outcome import CaseOutcome, FaultCase
from fault_cases.recipes import FILMS, NEIGHBOR, make_environment

COUNT = 60
SOUND = (*NEIGHBOR, "--dataset", FILMS, "--task", "eg2ex", "--allow-missing")
BOTH = ("run", "--method", "soundbridge", "--set", "epochs=1", *SOUND[3:], "--out", "both")
DOCTOR = ("data", "doctor", FILMS, "--save-subset", "subset.json")


def check_case(case: FaultCase) -> CaseOutcome:
    """Damage a film, read it in two ways, and compare."""
    case.add_note(damage_film(case, case.create_random()))
    case.material.copy_to(case.folder)
    return _compare_sound(case) if case.number % 2 else _use_usable_clips(case)


def _use_usable_clips(case: FaultCase) -> CaseOutcome:
    if refusal := _call_command(case, DOCTOR):
        return refusal
    run = (*NEIGHBOR, "--dataset", FILMS, "--task", "eg2ex", "--missing-audio", "skip")
    refusal = _call_command(case, (*run, "--subset", "subset.json", "--out", "out"))
    if refusal and refusal.verdict == "one line":
        return CaseOutcome(
            "silently different", f"the doctor calls usable what a run refuses: {refusal.reason}"
        )
    return refusal or CaseOutcome("right")


def _compare_sound(case: FaultCase) -> CaseOutcome:
    alone = _call_command(case, (*SOUND, "--out", "alone"))
    shutil.rmtree(case.folder / "cache", ignore_errors=True)
    both = _call_command(case, BOTH) or _call_command(case, (*SOUND, "--out", "again"))
    for refusal in (alone, both):
        if refusal and refusal.verdict != "one line":
            return refusal
    if alone or both:
        return alone or both or CaseOutcome("right")
    numbers = read_numbers(case.folder / "again")
    difference = find_difference(numbers, read_numbers(case.folder / "alone"))
    return CaseOutcome("silently different", difference) if difference else CaseOutcome("right")


def _call_command(case: FaultCase, arguments: tuple[str, ...]) -> CaseOutcome | None:
    """Run a command; return None if it succeeds."""
    command = CommandLine(arguments, make_environment())
    case.add_note(str(command))
    return judge_end(run_command(command, case.folder))
