"""Jobs as tasks of Slurm arrays, submitted by sbatch and watched by squeue."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

from egoexobench.errors import DataError
from egoexobench.protocols import LaunchedJobs
from egoexobench.types import Job, JobState, JobStatus
from egoexobench_plugins.launchers import slurm_commands
from egoexobench_plugins.launchers.placed_jobs import PlacedJob, PlacedJobs
from egoexobench_plugins.launchers.slurm_commands import SlurmTask, TaskId
from egoexobench_plugins.launchers.slurm_script import build_script, compute_job_key, read_job_keys
from egoexobench_plugins.launchers.slurm_states import (
    JobLogs,
    can_run_again,
    explain_end,
    is_ended,
)

_SIGNAL = "B:USR1@60"
"""60 s before the time limit the script ends its command, which stores what it has."""
_MAX_SILENCE_S = 600.0
"""How long Slurm may not answer while jobs run: a controller that is restarted is no error."""
_MAX_CANCEL_S = 120.0
_CANCEL_INTERVAL_S = 0.5


@final
class SlurmLauncher:
    """Submits jobs that no array of this user runs, at most ``at_once`` in all arrays."""

    outlives_command = True

    def __init__(
        self,
        *,
        options: Sequence[str],
        portions: int,
        at_once: int | None,
        retries: int,
        setup: Path | None,
        logs: Path,
        poll_interval_s: float,
    ) -> None:
        self.portions = portions
        self._options = tuple(options)
        self._at_once, self._retries, self._setup = at_once, retries, setup
        self._logs = JobLogs(logs.absolute())
        self._poll_interval_s = poll_interval_s
        self._waiting: list[_SlurmJob] = []
        self._submitted: dict[TaskId, _SlurmJob] = {}
        self._max_array_size: int | None = None
        self._last_poll = self._last_answer = time.monotonic()

    def launch(self, jobs: Sequence[Job]) -> LaunchedJobs:
        """Submit the jobs, except those that an earlier command submitted and that still run."""
        slurm_jobs = [_SlurmJob(job) for job in jobs]
        if slurm_jobs:
            self._logs.create()
            self._attach(slurm_jobs)
            self._waiting += [job for job in slurm_jobs if job.task is None]
            try:
                self._submit_waiting()
            except DataError:
                self._waiting = [job for job in self._waiting if job not in slurm_jobs]
                raise
        return PlacedJobs(self, slurm_jobs)

    def advance(self) -> None:
        """Ask Slurm for the states, if its last answer is old, and submit what waited."""
        if time.monotonic() - self._last_poll < self._poll_interval_s:
            return
        self._read_states()
        try:
            self._submit_waiting()
        except DataError as error:
            for job in self._waiting:
                job.status = replace(job.status, reason=str(error))
            if not self._list_active():
                raise

    def cancel(self, jobs: Collection[_SlurmJob]) -> None:
        """End jobs, and wait until Slurm has ended them."""
        self._waiting = [job for job in self._waiting if job not in jobs]
        for job in jobs:
            if job.task is None:
                job.mark_canceled()
        active = [job for job in jobs if not job.status.is_final]
        slurm_commands.cancel_tasks(job.task for job in active if job.task)
        for job in active:
            job.is_canceled = True
        end = time.monotonic() + _MAX_CANCEL_S
        while any(not job.status.is_final for job in active):
            if time.monotonic() > end:
                raise DataError(f"Slurm has not ended its jobs after {_MAX_CANCEL_S:g} s: squeue")
            time.sleep(_CANCEL_INTERVAL_S)
            self._read_states()

    def _attach(self, jobs: Sequence[_SlurmJob]) -> None:
        """Take over tasks that an earlier command submitted."""
        jobs_by_key = {job.key: job for job in jobs}
        keys: dict[str, dict[int, str]] = {}
        for task in slurm_commands.list_tasks():
            if is_ended(task) or task.id in self._submitted:
                continue
            if task.id.array not in keys:
                script = slurm_commands.read_script(task.id)
                keys[task.id.array] = dict(read_job_keys(script))
            job = jobs_by_key.get(keys[task.id.array].get(task.id.number, ""))
            if job is not None and job.task is None:
                job.task = task.id
                self._submitted[task.id] = job
                self._take_over(job, task)

    def _submit_waiting(self) -> None:
        while self._waiting:
            jobs = self._waiting[: self._count_free()]
            if not jobs:
                return
            throttle = f"%{self._at_once}" if self._at_once else ""
            script = build_script(
                [job.job for job in jobs],
                logs=self._logs.folder,
                retries=self._retries,
                setup=self._setup and self._setup.absolute(),
            )
            array = slurm_commands.submit_array(
                [
                    f"--array=1-{len(jobs)}{throttle}",
                    *("--requeue", "--open-mode=append", f"--signal={_SIGNAL}", "--nodes=1"),
                    *self._logs.build_options(),
                    *self._options,
                ],
                script,
            )
            del self._waiting[: len(jobs)]
            for index, job in enumerate(jobs, 1):
                job.task = TaskId(array, index)
                self._submitted[job.task] = job

    def _count_free(self) -> int:
        """How many jobs may be submitted now as one array, which has a limit of its own."""
        if self._max_array_size is None:
            self._max_array_size = slurm_commands.read_max_array_size()
        num_active = len(self._list_active())
        if self._at_once is None or not num_active:
            return self._max_array_size
        return min(max(0, self._at_once - num_active), self._max_array_size)

    def _list_active(self) -> list[_SlurmJob]:
        return [job for job in self._submitted.values() if not job.status.is_final]

    def _read_states(self) -> None:
        active = self._list_active()
        self._last_poll = time.monotonic()
        if not active:
            return
        try:
            tasks = {task.id: task for task in slurm_commands.list_tasks()}
        except DataError:
            if time.monotonic() - self._last_answer > _MAX_SILENCE_S:
                raise
            return
        self._last_answer = time.monotonic()
        for job in active:
            assert job.task is not None  # noqa: S101 - it was submitted
            self._take_over(job, tasks.get(job.task))

    def _take_over(self, job: _SlurmJob, task: SlurmTask | None) -> None:
        """Set the status of a job; a task that is None was forgotten by Slurm after its end."""
        assert job.task is not None  # noqa: S101 - it was submitted
        if task is None or is_ended(task):
            exit_code = self._logs.read_exit_code(job.task)
            # Slurm does not list a task that was canceled before it ran.
            never_ran = task is None and exit_code is None and not job.status.num_attempts
            if job.is_canceled or never_ran:
                job.mark_canceled()
                return
            if can_run_again(task, exit_code) and self._run_again(job, task):
                return
            job.status = explain_end(job.status, task, exit_code, self._logs.read_stderr(job.task))
            return
        attempts = task.num_restarts + (task.state != "PENDING")
        state: JobState = "waiting" if task.state == "PENDING" else "running"
        reason = task.reason if state == "waiting" and task.reason != "None" else ""
        job.status = JobStatus(state, reason, num_attempts=attempts, location=task.nodes)

    def _run_again(self, job: _SlurmJob, task: SlurmTask | None) -> bool:
        """Start a job that its machine or Slurm killed again; return whether that is done."""
        num_attempts = max(1, job.status.num_attempts, task.num_restarts + 1 if task else 0)
        if num_attempts > self._retries:
            return False
        assert job.task is not None  # noqa: S101 - it was submitted
        if task is None or not slurm_commands.restart_task(job.task):
            del self._submitted[job.task]
            job.task = None
            self._waiting.append(job)
        job.status = JobStatus("waiting", "it was killed", num_attempts=num_attempts)
        return True


@final
class _SlurmJob(PlacedJob):
    """A job, its task, and its state; the task is None until it is submitted."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.key = compute_job_key(job)
        self.task: TaskId | None = None
        self.is_canceled = False
