"""Runs one cell in a process of its own.

The process has two locks on its weights until it ends, even if the sweep that started it is killed:
a second sweep then waits for the cells that still run and does not start them again. One lock is in
the cache and one in the folder of the records, because sweeps on two machines may share only one.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, final, get_args

from egoexobench import files
from egoexobench.errors import notify
from egoexobench.hashing import hash_json
from egoexobench.sweep.plan import SweepCell
from egoexobench.sweep.record_index import index_records, select_remaining_tasks
from egoexobench.toolbox.job_process import MAX_CLEANUP_S, find_last_line

CellState = Literal["queued", "running", "done", "skipped", "failed", "unavailable"]
CELL_STATES: tuple[CellState, ...] = get_args(CellState)
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@dataclass(frozen=True, slots=True)
class CellStatus:
    """The state of a cell; ``reason`` is one line."""

    state: CellState
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ChildRunArgs:
    """Arguments of every run of a sweep, beside those of its cell."""

    blocked_plugins: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """Options of `egoexobench run`."""


@final
class CellProcess:
    """A run in a process of its own, and its standard error."""

    def __init__(
        self, cell: SweepCell, out: Path, args: ChildRunArgs, locks: Sequence[int]
    ) -> None:
        self.cell = cell
        self.started = time.monotonic()
        self.stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - read at the end
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                build_command_line(cell, out, args),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self.stderr,
                env={**os.environ, **make_variables(cell)},
                pass_fds=locks,
            )
        finally:
            release_locks(locks)  # the process has them now, until it ends

    def measure_seconds(self) -> float:
        """Return the seconds since it started."""
        return time.monotonic() - self.started

    def check_status(self) -> CellStatus:
        """Return its status now."""
        code = self.process.poll()
        if code is None:
            return CellStatus("running", "", self.measure_seconds())
        if code == 0:
            return CellStatus("done", "", self.measure_seconds())
        self.stderr.seek(0)
        message = find_last_line(self.stderr.read().decode(errors="replace"))
        reason = message or f"the process ended with exit code {code} and no message"
        return CellStatus(
            "unavailable" if self.cell.optional else "failed", reason, self.measure_seconds()
        )

    def terminate(self) -> None:
        """Tell it to end, and return at once."""
        self.process.terminate()

    def stop(self) -> None:
        """End it; records that it wrote before remain."""
        self.process.terminate()
        try:
            self.process.wait(MAX_CLEANUP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def build_command_line(cell: SweepCell, out: Path, args: ChildRunArgs) -> list[str]:
    """Return the command line of a cell, as a person would type it."""
    line = [argument for name in args.blocked_plugins for argument in ("-p", f"no:{name}")]
    line += ["run", "--method", cell.method, "--dataset", cell.dataset, "--scale", cell.scale]
    line += ["--seed", str(cell.fingerprint.seed), "--out", str(out), "--json"]
    line += ["--missing-audio", cell.fingerprint.missing_audio, *args.options]
    for name, value in cell.overrides:
        line += ["--set", f"{name}={value}"]
    for task in cell.tasks:
        line += ["--task", task]
    if cell.train_on:
        line += ["--train-on", cell.train_on]
    return [sys.executable, "-m", "egoexobench", *line]


def replace_by_run(cell: SweepCell, out: Path, args: ChildRunArgs) -> None:
    """Let this process become the run of a cell, which has the locks; return if it is recorded.

    It waits for a run that trains the same weights, which may be the same cell of another sweep.
    """
    locks = acquire_locks(cell, out, waits=True) or []
    remaining = select_remaining_tasks(cell, index_records(out))
    if remaining is None:
        release_locks(locks)
        return
    for lock in locks:
        os.set_inheritable(lock, True)
    command = build_command_line(remaining, out, args)
    os.execve(command[0], command, {**os.environ, **make_variables(cell)})  # noqa: S606


def acquire_locks(cell: SweepCell, out: Path, *, waits: bool = False) -> list[int] | None:
    """Lock the weights that a cell trains or loads; None while a living process has a lock.

    A network file system has locks too, and ends those of a machine that is gone. One that has none
    is reported.

    Args:
        cell: the cell.
        out: folder of the records.
        waits: whether to wait for the other process, so that the result is never None.
    """
    operation = fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB
    weights = cell.fingerprint._replace(dataset="")
    locks: list[int] = []
    for folder in (files.cache_dir() / "sweep", out / ".locks"):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{hash_json(list(weights))}.lock"
        locks.append(os.open(path, os.O_RDWR | os.O_CREAT, 0o644))
        try:
            fcntl.flock(locks[-1], operation)
        except BlockingIOError:
            release_locks(locks)
            return None
        except OSError as error:
            notify(f"no file in {folder} can be locked ({error.strerror}): start no second sweep")
    return locks


def release_locks(locks: Iterable[int]) -> None:
    """Close the files of locks; a process that has them keeps the locks."""
    for lock in locks:
        os.close(lock)


def make_variables(cell: SweepCell) -> dict[str, str]:
    """Return the environment variables of a run, beside those of this process.

    A run is alone, whatever started the sweep: it would wait for the other tasks of srun, which
    wait for its locks.
    """
    variables = {"WORLD_SIZE": "1"}
    if cell.scale == "compact":
        variables |= dict.fromkeys(_THREAD_VARIABLES, "1")
    if cell.optional:
        # what this machine lacks gives a dash; a sweep must not download 16 GB by itself
        variables |= dict.fromkeys(_OFFLINE_VARIABLES, "1")
    return variables
