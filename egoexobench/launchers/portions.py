"""Runs an extraction as portions: each is the same command with a shard of the data set.

A portion is safe to run twice, because what is in the stores is not computed again. A portion that
has finished is not started again by a repeated command, until all portions have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from egoexobench.features.dataset_features import ExtractionResult
from egoexobench.features.shard_receipt import count_receipts
from egoexobench.launchers.jobs import OnInterrupt, format_states, make_job, run_jobs
from egoexobench.launchers.portion_report import (
    EncoderResult,
    PortionReport,
    read_portion_report,
)
from egoexobench.protocols import Launcher, Progress
from egoexobench.types import JobStatus

_DONE = JobStatus("done")


@dataclass(frozen=True, slots=True)
class PortionPlan:
    """An extraction that is divided into portions."""

    arguments: tuple[str, ...]
    """Of `egoexobench`, without what says which portion it is."""
    folder: Path
    """Of the reports, two levels below that of the stores; no other extraction has it."""
    sizes: tuple[int, ...]
    """Clips, or texts, of each portion."""


class PortionResult(NamedTuple):
    """What came of all portions."""

    results: Mapping[str, ExtractionResult]
    """By encoder, of the portions that have finished."""
    failures: Sequence[str]
    """A line for each portion that has not."""
    num_unreported: int
    """Portions that have finished on a machine whose reports cannot be read here."""


def run_portions(
    plan: PortionPlan, launcher: Launcher, progress: Progress, on_interrupt: OnInterrupt
) -> PortionResult:
    """Run every portion that has not finished, and return what came of all of them.

    Args:
        plan: the portions.
        launcher: places them.
        progress: shows the clips of all portions as one stage, and the states of the portions.
        on_interrupt: whether an interruption cancels portions or leaves them to the launcher.

    Raises:
        DataError: if the launcher refuses the jobs.
    """
    count = len(plan.sizes)
    paths = [plan.folder / f"{number}.json" for number in range(1, count + 1)]
    todo = _list_unfinished(plan.folder.parent.parent, paths)
    jobs = [
        make_job(
            f"portion {index + 1}/{count}",
            (
                *plan.arguments,
                "--shard", f"{index + 1}/{count}",
                "--portion-report", str(paths[index].absolute()),
            ),
        )
        for index in todo
    ]  # fmt: skip
    with progress.stage("encode", sum(plan.sizes)) as advance:
        shown, last_note = 0, ""

        def report(states: Sequence[JobStatus]) -> None:
            nonlocal shown, last_note
            running = dict(zip(todo, states, strict=True))
            num_stored = sum(
                _count_stored(size, paths[index], running.get(index, _DONE))
                for index, size in enumerate(plan.sizes)
            )
            note = format_states([running.get(index, _DONE) for index in range(count)])
            if num_stored > shown or note != last_note:  # an attempt that is repeated begins anew
                advance(max(0, num_stored - shown), note)
            shown, last_note = max(shown, num_stored), note

        states = run_jobs(launcher, jobs, report, on_interrupt)
    reports = [read_portion_report(path) for path in paths]
    failures = [
        f"portion {index + 1}/{count}: {status.reason or status.state}"
        for index, status in zip(todo, states, strict=True)
        if status.state != "done" and not _has_results(reports[index])
    ]
    if not failures:
        _remove_reports(plan.folder, paths)
    num_unreported = sum(not _has_results(report) for report in reports) - len(failures)
    return PortionResult(_sum_results(reports), failures, num_unreported)


def _list_unfinished(root: Path, paths: Sequence[Path]) -> list[int]:
    """Return the portions that have to run; remove reports about stores that were removed since."""
    reports = [read_portion_report(path) for path in paths]
    if not any(map(_has_results, reports)):
        return list(range(len(paths)))
    num_receipts = count_receipts(root)
    todo = []
    for index, report in enumerate(reports):
        results = report.results if report else None
        if results is None:
            todo.append(index)
        elif num_receipts[index + 1, len(paths)] < len(results):
            paths[index].unlink(missing_ok=True)
            todo.append(index)
    return todo


def _count_stored(size: int, path: Path, status: JobStatus) -> int:
    """Clips of a portion that are stored, as far as its report says."""
    if status.state == "done":
        return size
    report = read_portion_report(path) if status.num_attempts else None
    if report is None:
        return 0
    if report.results is not None:
        return size
    missing = size if report.num_missing is None else report.num_missing
    return min(size, max(0, size - missing + report.num_done))


def _has_results(report: PortionReport | None) -> bool:
    return report is not None and report.results is not None


def _sum_results(reports: Sequence[PortionReport | None]) -> dict[str, ExtractionResult]:
    by_encoder: dict[str, list[EncoderResult]] = {}
    for report in reports:
        for name, result in ((report.results or {}) if report else {}).items():
            by_encoder.setdefault(name, []).append(result)
    return {name: _sum_encoder(results) for name, results in by_encoder.items()}


def _sum_encoder(results: Sequence[EncoderResult]) -> ExtractionResult:
    states: dict[str, int] = {}
    failures: dict[str, str] = {}
    for result in results:
        for state, number in result.states.items():
            states[state] = states.get(state, 0) + number
        failures |= result.failures
    num_requested = sum(result.num_requested for result in results)
    return ExtractionResult(num_requested, dict(sorted(states.items())), failures)


def _remove_reports(folder: Path, paths: Sequence[Path]) -> None:
    with suppress(OSError):  # they cost nothing
        for path in paths:
            path.unlink(missing_ok=True)
        folder.rmdir()
        folder.parent.rmdir()
