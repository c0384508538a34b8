"""What a worker of Ray does: it runs a job in a process of its own."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from egoexobench.toolbox.job_process import JobProcess
from egoexobench.types import Job

_POLL_INTERVAL_S = 0.2
_END_WITH_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit(128 + signal.SIGTERM)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
"""A worker that is killed cannot end its process; the kernel does."""


def run_on_worker(job: Job) -> Iterator[str | tuple[int, str]]:
    """Yield the name of this machine, then the exit code and the reason of the job's end."""
    yield socket.gethostname()
    process = JobProcess(_end_with_parent(job))
    try:
        while (end := process.poll()) is None:
            time.sleep(_POLL_INTERVAL_S)  # Ray interrupts it; it cannot interrupt a wait
    finally:
        process.stop()
    yield (end.exit_code, end.reason)


def _end_with_parent(job: Job) -> Job:
    if sys.platform != "linux":
        return job
    prefix = ("-I", "-S", "-c", _END_WITH_PARENT, str(os.getpid()))
    return replace(job, arguments=(*prefix, *job.arguments))
