"""Mutated inputs: what users and strangers hand to the toolkit, with something wrong in it.

A mutation that changes nothing of the content must change no number. Any other one ends in a
result or in one line, without characters that act on a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fault_cases import (
    input_embeddings,
    input_files,
    input_films,
    input_folders,
    input_records,
    input_specs,
    input_tables,
)
from fault_cases.forked_command import CommandLine, run_command
from fault_cases.judge import judge_command, judge_end, list_drafts
from fault_cases.mutated_input import MutatedInput
from fault_cases.outcome import CaseOutcome, FaultCase
from fault_cases.recipes import make_environment

COUNT = 2000
SOURCES: tuple[Callable[[FaultCase], MutatedInput], ...] = (
    *(input_tables.make_clips_table,) * 4,
    *(input_tables.make_same_table,) * 2,
    *(input_tables.make_queries_table,) * 1,
    *(input_films.make_film,) * 4,
    *(input_records.make_record,) * 3,
    *(input_records.make_record_file,) * 2,
    *(input_specs.make_spec,) * 3,
    *(input_specs.make_arguments,) * 2,
    *(input_embeddings.make_embeddings,) * 2,
    *(input_embeddings.make_answers,) * 1,
    *(input_files.make_sweep,) * 1,
    *(input_files.make_checkpoint,) * 2,
    *(input_files.make_captions,) * 1,
    *(input_files.make_subset,) * 1,
    *(input_folders.make_plugin,) * 1,
    *(input_folders.make_media_folder,) * 1,
)
_ACTING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]")


def check_case(case: FaultCase) -> CaseOutcome:
    """Make an input, give it to a command, and judge the end."""
    mutated = SOURCES[case.number % len(SOURCES)](case)
    for note in mutated.notes:
        case.add_note(note)
    command = CommandLine(
        mutated.arguments, make_environment(), timeout=60, import_path=mutated.import_path
    )
    case.add_note(str(command))
    result = run_command(command, case.folder)
    if match := _ACTING.search(result.stdout + result.stderr):
        return CaseOutcome("silently different", f"{match.group()!r} is written to the terminal")
    if mutated.same_as:
        outcome = judge_command(case, mutated.same_as, result)
        is_refused = outcome.verdict == "one line"
        return CaseOutcome("silently different", outcome.reason) if is_refused else outcome
    if ending := judge_end(result):
        return ending
    if drafts := list_drafts(case.folder):
        return CaseOutcome("left over", f"drafts: {', '.join(drafts)[:200]}")
    if mutated.must_fail:
        return CaseOutcome("silently different", "it is accepted")
    return CaseOutcome("right")
