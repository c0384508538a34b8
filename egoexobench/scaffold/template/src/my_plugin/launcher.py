"""Launcher `my-plugin-one-by-one`: where the jobs of a sweep run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, final

from egoexobench import UsageError, hookimpl
from egoexobench.toolbox.job_process import JobProcess, is_killed
from egoexobench.types import Job, JobStatus

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import LaunchedJobs, Launcher


@hookimpl
def register_launchers(register: Register) -> None:
    """Register the launcher."""
    register("my-plugin-one-by-one", one_by_one)


def one_by_one(*, retries: int = 1) -> Launcher:
    """Jobs on this machine, one after the other.

    Args:
        retries: how often a job that was killed is started again.
    """
    if retries < 0:
        raise UsageError(f"retries={retries} is invalid: must be 0 or more")
    return OneByOne(retries)


@final
class OneByOne:
    """What jobs need, such as GPUs, are options of the factory: users type them there."""

    portions = 1  # into how many jobs `extract` divides its work
    outlives_command = False  # jobs end with the command that launched them

    def __init__(self, retries: int) -> None:
        self.max_attempts = retries + 1

    def launch(self, jobs: Sequence[Job]) -> LaunchedJobs:
        """Return at once; `poll` starts a job when the one before it has ended."""
        return JobQueue(jobs, self.max_attempts)


@final
class JobQueue:
    """The jobs of one call of `launch`."""

    def __init__(self, jobs: Sequence[Job], max_attempts: int) -> None:
        self.jobs = jobs
        self.max_attempts = max_attempts
        self.states = [JobStatus("waiting") for _ in jobs]
        self.process: JobProcess | None = None

    def poll(self) -> Sequence[JobStatus]:
        """Return the state of every job now, in their order; it does not wait."""
        for index, status in enumerate(self.states):
            if not status.is_final:
                self.states[index] = self._advance(self.jobs[index], status)
                break
        return list(self.states)

    def cancel(self) -> None:
        """End every job that has not ended."""
        if self.process is not None:
            self.process.stop()
            self.process = None
        self.states = [
            status if status.is_final else JobStatus("canceled", num_attempts=status.num_attempts)
            for status in self.states
        ]

    def _advance(self, job: Job, status: JobStatus) -> JobStatus:
        attempts = status.num_attempts
        if self.process is None:
            self.process = JobProcess(job)
            return JobStatus("running", num_attempts=attempts + 1)
        end = self.process.poll()
        if end is None:
            return status
        self.process = None
        if is_killed(end.exit_code) and attempts < self.max_attempts:
            return JobStatus("waiting", end.reason, end.exit_code, attempts)
        if end.exit_code == 0:
            return JobStatus("done", "", 0, attempts)
        return JobStatus("failed", end.reason, end.exit_code, attempts)
