"""What the end of a task means, and its files in the folder of logs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import final

from egoexobench.toolbox.job_process import find_last_line, is_killed
from egoexobench.types import JobStatus
from egoexobench_plugins.launchers.slurm_commands import SlurmTask, TaskId

_LIVE_STATES = frozenset(
    (
        "PENDING RUNNING COMPLETING CONFIGURING SUSPENDED STOPPED RESIZING SIGNALING STAGE_OUT "
        "REQUEUED REQUEUE_HOLD REQUEUE_FED SPECIAL_EXIT RESV_DEL_HOLD"
    ).split()
)
_MAX_TAIL_BYTES = 65_536
_REASONS = {
    "TIMEOUT": "its time limit ended it: use more minutes",
    "DEADLINE": "its deadline ended it",
    "OUT_OF_MEMORY": "it used more memory than it has: use more memory",
    "NODE_FAIL": "its machine failed",
    "BOOT_FAIL": "its machine does not start",
    "PREEMPTED": "a job of higher priority took its machine",
}


@final
class JobLogs:
    """The folder that has standard output, standard error and the exit code of each task."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self) -> None:
        """Create the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def build_options(self) -> tuple[str, str]:
        """Return the options of sbatch that name the files."""
        path = str(self.folder).replace("%", "%%")
        return f"--output={path}/%A_%a.out", f"--error={path}/%A_%a.err"

    def read_exit_code(self, task: TaskId) -> int | None:
        """Return the exit code that the script of a task has written; None if there is none."""
        try:
            text = (self.folder / f"{task}.exit").read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None
        return int(text) if text.isdecimal() and len(text) <= 3 else None

    def read_stderr(self, task: TaskId) -> str:
        """Return the last line of standard error; empty if there is none."""
        try:
            with (self.folder / f"{task}.err").open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - _MAX_TAIL_BYTES))
                return find_last_line(file.read().decode(errors="replace"))
        except OSError:
            return ""


def is_ended(task: SlurmTask) -> bool:
    """Whether Slurm does not start the task again by itself."""
    return task.state not in _LIVE_STATES


def can_run_again(task: SlurmTask | None, exit_code: int | None) -> bool:
    """Whether a machine or Slurm killed a task, so that its script could not write a code."""
    if exit_code is not None or (task is not None and task.state in ("COMPLETED", "CANCELLED")):
        return False
    return task is None or task.state != "FAILED" or is_killed(task.exit_code)


def explain_end(
    status: JobStatus, task: SlurmTask | None, exit_code: int | None, message: str
) -> JobStatus:
    """Return the final status of a job.

    Args:
        status: the last one.
        task: what Slurm says; None if it has forgotten the task.
        exit_code: what the script of the task has written.
        message: last line of standard error.
    """
    attempts = max(status.num_attempts, task.num_restarts + 1 if task else 1)
    final = replace(status, num_attempts=attempts, location=task.nodes if task else status.location)
    if exit_code is None and task is not None:
        exit_code = task.exit_code
    if exit_code is not None and is_killed(exit_code) and exit_code > 0:
        exit_code = 128 - exit_code  # a shell adds 128 to the number of a signal
    if task is not None and task.state == "CANCELLED":
        return replace(final, state="canceled", reason="it was canceled in Slurm")
    if exit_code == 0 and (task is None or task.state == "COMPLETED"):
        return replace(final, state="done", reason="", exit_code=0)
    reason = _REASONS.get(task.state, "") if task is not None else ""
    if not reason and exit_code is not None and exit_code < 0:
        reason = f"killed by signal {-exit_code}"
    if not reason and exit_code is None:
        reason = "Slurm has forgotten it, and it has not written its exit code"
    reason = reason or message or f"it ended with exit code {exit_code} and no message"
    return replace(final, state="failed", reason=reason, exit_code=exit_code)
