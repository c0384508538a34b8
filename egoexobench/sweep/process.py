"""One cell in a process of its own.

It holds a lock on its weights for as long as it lives, whatever becomes of the sweep that started
it: after a kill, a second sweep waits for what still runs, and does not start it again.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, final

from egoexobench import files
from egoexobench.hashing import hash_json
from egoexobench.sweep.plan import SweepCell

CellState = Literal["queued", "running", "done", "skipped", "failed", "absent"]
CELL_STATES: tuple[CellState, ...] = ("queued", "running", "done", "skipped", "failed", "absent")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@dataclass(frozen=True, slots=True)
class CellStatus:
    """How a cell stands; ``reason`` is one line."""

    state: CellState
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ChildRunArgs:
    """What every run of a sweep is told beside its cell."""

    blocked: tuple[str, ...] = ()
    """Plug-ins that are not loaded."""
    words: tuple[str, ...] = ()
    """Options of `egoexobench run`."""


@final
class CellProcess:
    """A run in a process of its own, and its standard error."""

    def __init__(self, cell: SweepCell, out: Path, more: ChildRunArgs, lock: int) -> None:
        self.cell = cell
        self.began = time.monotonic()
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - read when it ends
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                run_command_line(cell, out, more),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self.errors,
                env=_child_environment(cell),
                pass_fds=(lock,),
            )
        finally:
            os.close(lock)  # the process has it now, and as long as it lives

    def age(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def ended(self) -> CellStatus | None:
        """How it ended; None while it runs."""
        code = self.process.poll()
        if code is None:
            return None
        if code == 0:
            return CellStatus("done", "", self.age())
        self.errors.seek(0)
        told = _last_line(self.errors.read().decode(errors="replace"))
        reason = told or f"the process ended with {code} and said nothing"
        return CellStatus("absent" if self.cell.optional else "failed", reason, self.age())

    def stop(self) -> None:
        """End it; what it recorded before stays."""
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run_command_line(cell: SweepCell, out: Path, more: ChildRunArgs) -> list[str]:
    """Return the command line of a cell: what a person would type."""
    words = [word for name in more.blocked for word in ("-p", f"no:{name}")]
    words += ["run", "--method", cell.method, "--dataset", cell.dataset, "--scale", cell.scale]
    words += ["--seed", str(cell.identity.seed), "--out", str(out), "--json"]
    words += ["--missing-audio", cell.identity.missing_audio, *more.words]
    for name, value in cell.settings:
        words += ["--set", f"{name}={value}"]
    for task in cell.tasks:
        words += ["--task", task]
    if cell.train_on:
        words += ["--train-on", cell.train_on]
    return [sys.executable, "-m", "egoexobench", *words]


def _child_environment(cell: SweepCell) -> dict[str, str]:
    more = dict.fromkeys(_THREADS, "1") if cell.scale == "compact" else {}
    if cell.optional:
        # what is not on the machine is a dash, and no download of 16 GB that nobody asked for
        more |= dict.fromkeys(_OFFLINE, "1")
    return {**os.environ, **more}


def acquire_lock(cell: SweepCell) -> int | None:
    """Lock the weights that a cell trains or loads; None while a living process holds them."""
    trained = cell.identity._replace(data="")
    path = files.cache_dir() / "sweep" / f"{hash_json(list(trained))}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = lines[-1] if lines else ""
    return said.removeprefix("egoexobench: ").removeprefix("Error: ")[:300]
