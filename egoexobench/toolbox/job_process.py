"""A job in a process of its own: what launchers start, watch and end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, NamedTuple, final

from egoexobench.toolbox.cores import list_cores
from egoexobench.types import Job

MAX_CLEANUP_S = 20
"""How long a job may take to remove its drafts after it was told to end."""
_MAX_TAIL_BYTES = 65_536
_MAX_REASON_CHARS = 300
_SHELL_SIGNAL_CODES = range(129, 193)
"""128 and the number of a signal: of a shell, and of a process that cleans up after a signal."""


class JobEnd(NamedTuple):
    """How an attempt of a job ended."""

    exit_code: int
    """Negative for a signal."""
    reason: str
    """The last line of its standard error, in one line; empty for exit code 0."""


@final
class JobProcess:
    """A job in a process of its own session, so that Ctrl-C in a terminal reaches only us.

    Args:
        job: what runs.
        variables: environment variables beside those of this process and of the job.
        cores: the cores that the process may use; empty: all that this process may use.

    Raises:
        OSError: if the machine refuses to start it.
    """

    def __init__(
        self, job: Job, variables: Mapping[str, str] | None = None, cores: Collection[int] = ()
    ) -> None:
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - read at the end
        with _use_cores(cores):
            self._process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                [sys.executable, *job.arguments],
                cwd=job.folder,
                env={**os.environ, **(variables or {}), **job.variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                start_new_session=True,
            )

    def poll(self) -> JobEnd | None:
        """Return how it ended; None while it runs."""
        code = self._process.poll()
        return None if code is None else JobEnd(code, self._explain(code))

    def wait(self) -> JobEnd:
        """Wait until it ends."""
        code = self._process.wait()
        return JobEnd(code, self._explain(code))

    def terminate(self) -> None:
        """Tell it to end, and return at once."""
        self._process.terminate()

    def stop(self) -> None:
        """End it, by force after `MAX_CLEANUP_S`; return when it has ended."""
        self._process.terminate()
        try:
            self._process.wait(MAX_CLEANUP_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)  # with its own processes
            self._process.wait()

    def _explain(self, code: int) -> str:
        if code == 0:
            return ""
        if code < 0:
            return f"killed by {_name_signal(-code)}"
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _MAX_TAIL_BYTES))
        message = find_last_line(self._stderr.read().decode(errors="replace"))
        return message or f"the process ended with exit code {code} and no message"


def run_job(job: Job, variables: Mapping[str, str] | None = None) -> JobEnd:
    """Run a job and wait for it: what an engine calls on the machine where the job belongs.

    An exception, such as that of a signal, ends the process before it is raised again.
    """
    process = JobProcess(job, variables)
    try:
        return process.wait()
    finally:
        process.stop()


def is_killed(exit_code: int) -> bool:
    """Whether a signal ended a process, so that another attempt may succeed."""
    return exit_code < 0 or exit_code in _SHELL_SIGNAL_CODES


def find_last_line(text: str) -> str:
    """Return the message in the standard error of a command: its last line, without a prefix."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return last.removeprefix("egoexobench: ").removeprefix("Error: ")[:_MAX_REASON_CHARS]


@contextmanager
def _use_cores(cores: Collection[int]) -> Iterator[None]:
    """Give this thread some cores only, so that a process that it starts has no others."""
    if not cores or sys.platform != "linux":
        yield
        return
    before = list_cores()
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _name_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
