"""Creates launchers and jobs, and watches jobs until they end or the user interrupts."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from egoexobench.errors import PartError, UsageError
from egoexobench.protocols import Launcher
from egoexobench.types import Job, JobState, JobStatus

if TYPE_CHECKING:
    from egoexobench.registry import Registry

OnInterrupt = Literal["cancel", "leave"]
POLL_INTERVAL_S = 0.2
_PASSED_VARIABLES = ("EGOEXOBENCH_", "PYTHONPATH")
"""Beginnings of the variables that a job has on every machine."""


def create_launcher(registry: Registry, spec: str, on_interrupt: OnInterrupt) -> Launcher:
    """Create a launcher.

    Raises:
        UsageError: for an unknown name or option, or jobs that cannot be left running.
        PartError: if the factory returns something else.
    """
    part, options = registry.resolve("launcher", spec)
    launcher = part.create(options=options)
    if not isinstance(launcher, Launcher):
        raise PartError(f"{part}: its factory returned an object that is no launcher")
    if on_interrupt == "leave" and not launcher.outlives_command:
        raise UsageError(
            f"--on-interrupt leave cannot be used with {part.name!r}: its jobs end with the command"
        )
    return launcher


def make_job(
    name: str, arguments: Sequence[str], variables: Mapping[str, str] | None = None
) -> Job:
    """Return the job that runs `egoexobench` with arguments, here or on another machine."""
    passed = {
        variable: value
        for variable, value in os.environ.items()
        if variable.startswith(_PASSED_VARIABLES)
    }
    return Job(
        name=name,
        arguments=("-m", "egoexobench", *arguments),
        folder=os.getcwd(),
        variables=passed | dict(variables or {}),
    )


def run_jobs(
    launcher: Launcher,
    jobs: Sequence[Job],
    report: Callable[[Sequence[JobStatus]], None],
    on_interrupt: OnInterrupt,
) -> Sequence[JobStatus]:
    """Run jobs until all of them have ended; return their final states.

    Args:
        launcher: places the jobs.
        jobs: may be empty.
        report: called with the states, several times a second.
        on_interrupt: whether an interruption cancels the jobs, or leaves them to the launcher.
    """
    launched = launcher.launch(jobs)
    try:
        while True:
            states = launched.poll()
            report(states)
            if all(status.is_final for status in states):
                return states
            time.sleep(POLL_INTERVAL_S)
    except BaseException as error:
        if not (isinstance(error, KeyboardInterrupt) and on_interrupt == "leave"):
            launched.cancel()
        raise


def format_states(states: Sequence[JobStatus]) -> str:
    """Return how many jobs are in each state, and where they run, in a few words.

    >>> format_states([JobStatus("running", location="GPU 0"), JobStatus("waiting")])
    '1 waiting, 1 running (GPU 0)'
    """
    counts = Counter(status.state for status in states)
    order: tuple[JobState, ...] = get_args(JobState)
    locations = sorted({s.location for s in states if s.state == "running" and s.location})
    where = f" ({', '.join(locations)})" if locations else ""
    return ", ".join(
        f"{counts[state]} {state}{where if state == 'running' else ''}"
        for state in order
        if counts[state]
    )
