"""The contract of launchers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from egoexobench.protocols import LaunchedJobs, Launcher
from egoexobench.testing.assertions import (
    check_has,
    check_instance,
    check_sequence,
    check_that,
    report_errors,
)
from egoexobench.types import Job, JobStatus

POLL_INTERVAL_S = 0.05
_WRITE = "import os, pathlib; pathlib.Path('result').write_text(os.environ['EGOEXOBENCH_EXAMPLE'])"
_FAIL = "import sys; sys.stderr.write('first line\\n'); sys.exit('no such film')"
_DIE_ONCE = """
import os, pathlib, signal
mark = pathlib.Path("mark")
if not mark.exists():
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""
_DIE = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
_SLEEP = "import pathlib, time; pathlib.Path('begun').touch(); time.sleep(600)"


def check_launcher(create: Callable[[], Launcher], *, timeout_s: float = 60.0) -> None:
    """Check that jobs run, fail, are run again after a kill, and can be canceled.

    Args:
        create: returns a new launcher, which runs at least one job at once and starts a killed
            job again at least once.
        timeout_s: how long jobs of no work may take.

    Raises:
        AssertionError: with the first fault.
    """
    with report_errors("the factory"):
        launcher = create()
    check_has(launcher, methods=["launch"], attributes=["portions", "outlives_command"])
    check_instance(launcher.portions, int, "portions")
    check_that(launcher.portions > 0, f"portions is {launcher.portions}; it must be 1 or more")
    check_instance(launcher.outlives_command, bool, "outlives_command")
    with tempfile.TemporaryDirectory() as folder:
        _check_ends(launcher, Path(folder), timeout_s)
        _check_cancel(launcher, Path(folder), timeout_s)
    with report_errors("launch without jobs"):
        check_that(list(launcher.launch([]).poll()) == [], "no job has a state")


def _check_ends(launcher: Launcher, folder: Path, timeout_s: float) -> None:
    scripts = {"write": _WRITE, "fail": _FAIL, "die once": _DIE_ONCE, "die": _DIE}
    jobs = [_make_job(name, script, folder) for name, script in scripts.items()]
    with report_errors("launch"):
        launched = launcher.launch(jobs)
    check_has(launched, methods=["poll", "cancel"])
    written, failed, killed_once, killed = _wait(launched, len(jobs), timeout_s)
    _check_state(written, "done", "a job that succeeds")
    check_that(written.exit_code == 0, f"its exit code is {written.exit_code}; it must be 0")
    result = folder / "write" / "result"
    check_that(
        result.is_file() and result.read_text() == "a, b",
        "a job does not run in its folder, or without its variables",
    )
    _check_state(failed, "failed", "a job that ends with exit code 1")
    check_that(failed.exit_code == 1, f"its exit code is {failed.exit_code}; it must be 1")
    check_that(
        failed.reason == "no such film",
        f"its reason is {failed.reason!r}; it must be the last line of its standard error",
    )
    check_that(
        failed.num_attempts == 1,
        f"a job that ends with exit code 1 is started {failed.num_attempts} times",
    )
    _check_state(killed_once, "done", "a job that is killed once")
    check_that(
        killed_once.num_attempts == 2,
        f"a job that is killed once has num_attempts {killed_once.num_attempts}; it must be 2",
    )
    _check_state(killed, "failed", "a job that is killed each time")
    check_that(bool(killed.reason), "a job that is killed each time has no reason")
    with report_errors("cancel after the end"):
        launched.cancel()
    after = list(launched.poll())
    check_that(after == [written, failed, killed_once, killed], "cancel changes final states")


def _check_cancel(launcher: Launcher, folder: Path, timeout_s: float) -> None:
    jobs = [_make_job(f"sleep {i}", _SLEEP, folder) for i in range(2)]
    with report_errors("launch"):
        launched = launcher.launch(jobs)
    deadline = time.monotonic() + timeout_s
    while not any((Path(job.folder) / "begun").exists() for job in jobs):
        check_that(time.monotonic() < deadline, f"no job begins within {timeout_s:g} s")
        launched.poll()
        time.sleep(POLL_INTERVAL_S)
    with report_errors("cancel"):
        launched.cancel()
    for status in _poll(launched, len(jobs)):
        _check_state(status, "canceled", "a job that is canceled")


def _make_job(name: str, script: str, folder: Path) -> Job:
    (folder / name).mkdir()
    variables = {"EGOEXOBENCH_EXAMPLE": "a, b"}
    return Job(name, ("-S", "-c", script), str(folder / name), variables)


def _wait(launched: LaunchedJobs, count: int, timeout_s: float) -> Sequence[JobStatus]:
    deadline = time.monotonic() + timeout_s
    states = _poll(launched, count)
    while not all(status.is_final for status in states):
        check_that(time.monotonic() < deadline, f"jobs have not ended after {timeout_s:g} s")
        time.sleep(POLL_INTERVAL_S)
        states = _poll(launched, count)
    return states


def _poll(launched: LaunchedJobs, count: int) -> Sequence[JobStatus]:
    with report_errors("poll"):
        states = launched.poll()
    check_sequence(states, JobStatus, "the result of poll")
    check_that(len(states) == count, f"poll returns {len(states)} states for {count} jobs")
    return states


def _check_state(status: JobStatus, expected: str, job: str) -> None:
    reason = f" ({status.reason})" if status.reason else ""
    check_that(status.state == expected, f"{job} is {status.state}{reason}; it must be {expected}")
