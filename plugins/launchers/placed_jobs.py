"""What the launchers of this folder share: a job with its state, and the jobs of one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar, final

from egoexobench.toolbox.job_process import is_killed
from egoexobench.types import Job, JobStatus


class PlacedJob:
    """A job and its state."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.status = JobStatus("waiting")

    def finish(self, exit_code: int, reason: str, max_attempts: int) -> bool:
        """Take over how an attempt ended; return whether there is another one."""
        attempts = self.status.num_attempts
        runs_again = is_killed(exit_code) and attempts < max_attempts
        self.status = JobStatus(
            "done" if exit_code == 0 else "waiting" if runs_again else "failed",
            reason,
            exit_code,
            attempts,
            location=self.status.location,
        )
        return runs_again

    def mark_canceled(self) -> None:
        """Give it its final state, unless it has one."""
        if not self.status.is_final:
            self.status = JobStatus("canceled", num_attempts=self.status.num_attempts)


PlacedJobT = TypeVar("PlacedJobT", bound=PlacedJob)
_JobT_contra = TypeVar("_JobT_contra", bound=PlacedJob, contravariant=True)


class JobEngine(Protocol[_JobT_contra]):
    """What places jobs and knows how they are."""

    def advance(self) -> None:
        """Take over new states, and start what can start."""

    def cancel(self, jobs: Sequence[_JobT_contra]) -> None:
        """End jobs, and return when none of them runs any more."""


@final
class PlacedJobs(Generic[PlacedJobT]):
    """The jobs of one call of a launcher."""

    def __init__(self, engine: JobEngine[PlacedJobT], jobs: Sequence[PlacedJobT]) -> None:
        self._engine, self._jobs = engine, jobs

    def poll(self) -> Sequence[JobStatus]:
        """Return the states, after the launcher has taken over new ones."""
        self._engine.advance()
        return [job.status for job in self._jobs]

    def cancel(self) -> None:
        """End the jobs."""
        self._engine.cancel(self._jobs)
