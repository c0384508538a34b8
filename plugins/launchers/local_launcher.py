"""The launcher `local`: jobs on this machine, each with a GPU and cores of its own."""

from __future__ import annotations

import os
import re
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, final

from egoexobench import UsageError
from egoexobench.protocols import LaunchedJobs
from egoexobench.toolbox.cores import list_cores
from egoexobench.toolbox.job_process import JobProcess
from egoexobench.toolbox.option_limits import check_minimum
from egoexobench.types import Job, JobStatus
from egoexobench_plugins.launchers.placed_jobs import PlacedJob, PlacedJobs

VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
_GPU_FILE = re.compile(r"nvidia\d+")


def create_local_launcher(
    *, gpus: int | None, at_once: int | None, retries: int, portions: int | None
) -> LocalLauncher:
    """Create the launcher; `egoexobench_plugins.launchers.local` says what the options are.

    Raises:
        UsageError: for a number that is too small, or more GPUs than are visible.
    """
    counts = {"gpus": gpus, "at_once": at_once, "retries": retries, "portions": portions}
    check_minimum(
        "launcher 'local'",
        {
            name: (value, 0 if name in ("gpus", "retries") else 1)
            for name, value in counts.items()
            if value is not None
        },
    )
    devices = _choose_gpus(gpus)
    num_slots = at_once or len(devices) or 1
    return LocalLauncher(
        _make_slots(num_slots, devices, list_cores()), retries, portions or num_slots
    )


class Slot(NamedTuple):
    """A place for one job at a time."""

    gpu: str | None
    cores: tuple[int, ...]

    @property
    def label(self) -> str:
        """What a user reads; empty without a GPU."""
        return "" if self.gpu is None else f"GPU {self.gpu}"

    @property
    def variables(self) -> Mapping[str, str]:
        """Environment variables of its job."""
        variables = {} if self.gpu is None else {VISIBLE_GPUS: self.gpu}
        if sys.platform != "linux":  # elsewhere a process cannot be bound to its cores
            variables["OMP_NUM_THREADS"] = str(len(self.cores))
        return variables


@final
class LocalLauncher:
    """A list of jobs that wait, which its slots share."""

    outlives_command = False

    def __init__(self, slots: Sequence[Slot], retries: int, portions: int) -> None:
        self.portions = portions
        self._max_attempts = retries + 1
        self._free = list(reversed(slots))
        self._waiting: deque[_LocalJob] = deque()
        self._running: list[_LocalJob] = []

    def launch(self, jobs: Sequence[Job]) -> LaunchedJobs:
        """Start as many jobs as there are free slots; the others wait."""
        local_jobs = [_LocalJob(job) for job in jobs]
        self._waiting.extend(local_jobs)
        self.advance()
        return PlacedJobs(self, local_jobs)

    def advance(self) -> None:
        """Free the slots of jobs that have ended, and start jobs in free slots."""
        for job in list(self._running):
            if (end := job.process.poll()) is not None:
                self._running.remove(job)
                self._free.append(job.slot)
                if job.finish(end.exit_code, end.reason, self._max_attempts):
                    self._waiting.appendleft(job)
        while self._waiting and self._free:
            job, slot = self._waiting.popleft(), self._free.pop()
            if job.start(slot):
                self._running.append(job)
            else:
                self._free.append(slot)

    def cancel(self, jobs: Sequence[_LocalJob]) -> None:
        """End jobs, all at once."""
        active = [job for job in self._running if job in jobs]
        for job in active:
            job.process.terminate()
        for job in active:
            job.process.stop()
            self._running.remove(job)
            self._free.append(job.slot)
        self._waiting = deque(job for job in self._waiting if job not in jobs)
        for job in jobs:
            job.mark_canceled()


@final
class _LocalJob(PlacedJob):
    """A job, its state, and its process and slot while it runs."""

    process: JobProcess
    slot: Slot

    def start(self, slot: Slot) -> bool:
        """Start it in a slot; return whether it runs."""
        attempts = self.status.num_attempts + 1
        try:
            self.process = JobProcess(self.job, slot.variables, slot.cores)
        except OSError as error:
            reason = f"it cannot be started: {error.strerror}"
            self.status = JobStatus("failed", reason, num_attempts=attempts)
            return False
        self.slot = slot
        self.status = JobStatus("running", num_attempts=attempts, location=slot.label)
        return True


def _choose_gpus(count: int | None) -> list[str]:
    """The names of the GPUs to use.

    Raises:
        UsageError: if there are fewer than were requested.
    """
    visible = _list_visible_gpus()
    if count is None or not count:
        return [] if count == 0 else visible or []
    if visible is None:
        return list(map(str, range(count)))
    if count > len(visible):
        raise UsageError(
            f"gpus={count} is invalid for launcher 'local': {len(visible)} GPUs are visible; "
            f"check {VISIBLE_GPUS} and nvidia-smi"
        )
    return visible[:count]


def _list_visible_gpus() -> list[str] | None:
    """GPUs that a process here can use; None if nothing says how many there are."""
    if (text := os.environ.get(VISIBLE_GPUS)) is not None:
        return [name.strip() for name in text.split(",") if name.strip() not in ("", "-1")]
    files = [path for path in Path("/dev").glob("nvidia*") if _GPU_FILE.fullmatch(path.name)]
    return [str(index) for index in range(len(files))] if files else None


def _make_slots(num_slots: int, gpus: Sequence[str], cores: Sequence[int]) -> list[Slot]:
    """Divide GPUs and cores; a slot has at least one core."""
    slots = []
    for index in range(num_slots):
        first, end = (len(cores) * i // num_slots for i in (index, index + 1))
        own_cores = tuple(cores[first:end]) or (cores[first],)
        slots.append(Slot(gpus[index % len(gpus)] if gpus else None, own_cores))
    return slots
