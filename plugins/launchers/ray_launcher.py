"""Jobs as tasks of Ray."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, final

from egoexobench.errors import DataError, format_exception_line
from egoexobench.protocols import LaunchedJobs
from egoexobench.types import Job, JobStatus
from egoexobench_plugins.launchers.placed_jobs import PlacedJob, PlacedJobs
from egoexobench_plugins.launchers.ray_worker import run_on_worker

_MAX_CANCEL_S = 60.0
_FORCE_AFTER_S = 30.0
_CANCEL_INTERVAL_S = 0.1


@final
class RayLauncher:
    """Tasks of a Ray that is started here, or of a cluster."""

    outlives_command = False

    def __init__(
        self,
        library: Any,
        *,
        address: str | None,
        resources: Mapping[str, float],
        portions: int,
        at_once: int | None,
        retries: int,
    ) -> None:
        self.portions = portions
        self._ray = library
        self._address, self._resources = address, resources
        self._at_once, self._max_attempts = at_once, retries + 1
        self._waiting: list[_RayJob] = []
        self._running: list[_RayJob] = []

    def launch(self, jobs: Sequence[Job]) -> LaunchedJobs:
        """Give the jobs to Ray, as many as may run at once."""
        ray_jobs = [_RayJob(job) for job in jobs]
        if ray_jobs:
            self._connect()
            self._waiting += ray_jobs
            self.advance()
        return PlacedJobs(self, ray_jobs)

    def advance(self) -> None:
        """Read the states, and start jobs for which there is a place."""
        for job in list(self._running):
            self._read_state(job)
        while self._waiting and (self._at_once is None or len(self._running) < self._at_once):
            job = self._waiting.pop(0)
            task = self._ray.remote(run_on_worker).options(
                num_returns="streaming", max_retries=0, **self._resources
            )
            job.stream = task.remote(job.job)
            self._running.append(job)

    def cancel(self, jobs: Collection[_RayJob]) -> None:
        """End jobs, by force if they do not end by themselves."""
        self._waiting = [job for job in self._waiting if job not in jobs]
        active = [job for job in self._running if job in jobs]
        for job in active:
            self._ray.cancel(job.stream)
        begin, is_forced = time.monotonic(), False
        while any(job in self._running for job in active):
            seconds = time.monotonic() - begin
            if seconds > _FORCE_AFTER_S and not is_forced:
                is_forced = True
                for job in active:
                    self._ray.cancel(job.stream, force=True)
            if seconds > _MAX_CANCEL_S:
                raise DataError(f"Ray has not ended its jobs after {_MAX_CANCEL_S:g} s")
            for job in active:
                job.is_canceled = True
                if job in self._running:
                    self._read_state(job)
            time.sleep(_CANCEL_INTERVAL_S)
        for job in jobs:
            job.mark_canceled()

    def _connect(self) -> None:
        if self._ray.is_initialized():
            return
        options: dict[str, object] = {"address": self._address}
        if self._address is None:
            # of its own: a secret that no other process has, no dashboard, nothing is reported
            os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
            options = {"address": "local", "include_dashboard": False}
        try:
            with restore_signals():
                self._ray.init(**options, log_to_driver=False, logging_level="ERROR")
        except Exception as error:
            raise DataError(f"Ray does not start: {format_exception_line(error)}") from error
        if self._address is None:
            self._check_resources()

    def _check_resources(self) -> None:
        """Raise for more than this machine has; a cluster may grow."""
        available = self._ray.cluster_resources()
        for option, name in (("num_gpus", "GPU"), ("num_cpus", "CPU"), ("memory", "memory")):
            if self._resources.get(option, 0) > available.get(name, 0):
                raise DataError(
                    f"each job asks for {self._resources[option]:g} {name}, and this machine has "
                    f"{available.get(name, 0):g}: use less, or the address of a cluster"
                )

    def _read_state(self, job: _RayJob) -> None:
        exceptions = self._ray.exceptions
        try:
            for value in self._iter_values(job):
                if isinstance(value, str):
                    job.mark_running(value)
                else:
                    self._finish(job, *value)
        except exceptions.TaskCancelledError:
            self._running.remove(job)
            job.mark_canceled()
        except exceptions.RayTaskError as error:  # our function raised it: it cannot start there
            self._running.remove(job)
            job.fail(format_exception_line(error.cause or error))
        except exceptions.RayError as error:  # the worker or its machine died
            self._finish(job, -signal.SIGKILL, f"Ray: {format_exception_line(error)}")

    def _iter_values(self, job: _RayJob) -> Iterator[Any]:
        """Yield what the worker has sent since the last call."""
        while job in self._running:
            # a canceled stream is ready at once, and then waits for its task, which may go on
            waited = job.stream.completed() if job.is_canceled else job.stream
            ready, _ = self._ray.wait([waited], timeout=0)
            if not ready:
                return
            try:
                reference = next(job.stream)
            except StopIteration:
                return
            yield self._ray.get(reference)

    def _finish(self, job: _RayJob, exit_code: int, reason: str) -> None:
        self._running.remove(job)
        if job.is_canceled and exit_code:
            job.mark_canceled()
        elif job.finish(exit_code, reason, self._max_attempts):
            self._waiting.insert(0, job)


@final
class _RayJob(PlacedJob):
    """A job, its state, and what its worker sends while it runs."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.stream: Any = None
        self.is_canceled = False

    def mark_running(self, location: str) -> None:
        """A worker has begun."""
        attempts = self.status.num_attempts + 1
        self.status = JobStatus("running", num_attempts=attempts, location=location)

    def fail(self, reason: str) -> None:
        """Give it its final state."""
        self.status = JobStatus("failed", reason, num_attempts=self.status.num_attempts)


@contextmanager
def restore_signals() -> Iterator[None]:
    """Ray sets a handler of its own for SIGTERM, which ends the process without cleanups."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        with suppress(TypeError):  # a handler that is not of Python
            signal.signal(signal.SIGTERM, handler)
