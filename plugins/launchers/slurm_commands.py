"""Calls the commands of Slurm."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from egoexobench.errors import DataError

JOB_NAME = "egoexobench"
_COMMAND_LIMIT_S = 120
_MAX_IDS = 200
"""Tasks in one command line."""
_WIDTH = 80
_FIELDS = ("ArrayJobID", "ArrayTaskID", "State", "exit_code", "RestartCnt", "NodeList", "Reason")
_SETTINGS = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT")
_DEFAULT_MAX_ARRAY = 1001


class TaskId(NamedTuple):
    """A task of an array."""

    array: str
    number: int

    def __str__(self) -> str:
        return f"{self.array}_{self.number}"


class SlurmTask(NamedTuple):
    """What Slurm says about a task."""

    id: TaskId
    state: str
    """Such as PENDING or NODE_FAIL."""
    exit_code: int
    """Negative for a signal."""
    num_restarts: int
    nodes: str
    reason: str
    """Why it waits, or why it ended."""


def list_tasks() -> list[SlurmTask]:
    """Return all tasks of arrays of this user that Slurm remembers, with those that have ended.

    Raises:
        DataError: if Slurm does not answer.
    """
    columns = ",".join(f"{name}:{_WIDTH}" for name in _FIELDS)
    text = _call_slurm(
        "squeue", "--me", "--noheader", "--array", "--states=all", f"--name={JOB_NAME}",
        f"--Format={columns}",
    )  # fmt: skip
    return [task for line in text.splitlines() if (task := _parse_task(line))]


def submit_array(options: Sequence[str], script: str) -> str:
    """Submit an array; returns its id.

    Raises:
        DataError: if Slurm refuses it, with its words.
    """
    text = _call_slurm("sbatch", "--parsable", f"--job-name={JOB_NAME}", *options, stdin=script)
    return text.strip().partition(";")[0]


def read_script(task: TaskId) -> str:
    """Return the script of a task that Slurm remembers; empty if it does not."""
    try:
        return _call_slurm("scontrol", "write", "batch_script", str(task), "-")
    except DataError:
        return ""


def restart_task(task: TaskId) -> bool:
    """Start a task that has ended again; return whether Slurm accepts."""
    try:
        _call_slurm("scontrol", "requeue", str(task))
    except DataError:
        return False
    return True


def cancel_tasks(tasks: Iterable[TaskId]) -> None:
    """End tasks; those that have ended are no error.

    Raises:
        DataError: if Slurm does not answer.
    """
    ids = list(map(str, tasks))
    for start in range(0, len(ids), _MAX_IDS):
        _call_slurm("scancel", "--quiet", *ids[start : start + _MAX_IDS])


def read_max_array_size() -> int:
    """Return the number of tasks that an array may have."""
    match = re.search(r"^MaxArraySize\s*=\s*(\d+)", _call_slurm("scontrol", "show", "config"), re.M)
    return (int(match[1]) if match else _DEFAULT_MAX_ARRAY) - 1


def _parse_task(line: str) -> SlurmTask | None:
    values = dict(zip(_FIELDS, _cut_columns(line), strict=False))
    if len(values) < len(_FIELDS) or not values["ArrayTaskID"].isdecimal():
        return None  # no task of an array
    return SlurmTask(
        id=TaskId(values["ArrayJobID"], int(values["ArrayTaskID"])),
        state=values["State"],
        exit_code=os.waitstatus_to_exitcode(int(values["exit_code"])),
        num_restarts=int(values["RestartCnt"]),
        nodes=values["NodeList"],
        reason=values["Reason"],
    )


def _cut_columns(line: str) -> Iterator[str]:
    for start in range(0, len(line), _WIDTH):
        yield line[start : start + _WIDTH].strip()


def _call_slurm(*command: str, stdin: str = "") -> str:
    try:
        result = subprocess.run(  # noqa: S603 - a list of arguments, no shell
            command,
            input=stdin,
            env=_make_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_LIMIT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataError(f"Slurm does not answer: {command[0]}: {error}") from error
    if result.returncode:
        raise DataError(f"Slurm refuses: {_join_messages(result.stderr) or result.returncode}")
    return result.stdout


def _join_messages(text: str) -> str:
    """Slurm's own words in one line, without the name of the command before each."""
    lines = [re.sub(r"^\w+: (error: )?", "", line.strip()) for line in text.splitlines()]
    return "; ".join(dict.fromkeys(filter(None, lines)))


def _make_environment() -> dict[str, str]:
    """The environment; inside an allocation, without what Slurm says of that allocation there.

    A job would take its own options from there.
    """
    if "SLURM_JOB_ID" not in os.environ:
        return {**os.environ}
    return {
        name: value
        for name, value in os.environ.items()
        if name in _SETTINGS or not name.startswith("SLURM_")
    }
