"""Runs the command line in a fork of this process, which has imported everything already.

A process of its own needs seconds to import torch; a fork needs milliseconds. This process must
have a single thread. A real process is started where the environment of the process is the case.
"""

from __future__ import annotations

import importlib
import io
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

TIMEOUT_S = 90.0
GRACE_S = 5.0
"""How long processes may take to end after their command has ended."""
MEMORY_BYTES = 12 << 30
FILE_BYTES = 1 << 30
SINGLE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
MODULES = (
    *(
        "run",
        "score",
        "caption",
        "extract",
        "embed",
        "merge",
        "sanity",
        "audit",
        "compare",
        "verify",
    ),
    *("leaderboard", "sweep", "weights", "data", "show", "show_retrieval", "show_recognition"),
)
LIBRARIES = (
    *("torch", "av", "numpy", "pandas", "sklearn.linear_model", "scipy.stats"),
    *("safetensors.torch", "PIL.Image", "rich.console", "rich.table"),
    *("egoexobench.experiment.run", "egoexobench.verification.child", "egoexobench.audit.run"),
    *("egoexobench.features.encode_clips", "egoexobench.shortcuts.run"),
    *("egoexobench.data.doctor.check_dataset", "egoexobench.figures.run"),
    "egoexobench.leaderboard.pages",
)


@dataclass(frozen=True)
class SignalMoment:
    """A signal that is sent some seconds after the start of a command."""

    number: int
    seconds: float

    def __str__(self) -> str:
        return f"{signal.Signals(self.number).name} after {self.seconds:.3f} s"


@dataclass(frozen=True)
class CommandResult:
    """How a command ended; a negative code is the signal that ended it."""

    code: int
    stdout: str
    stderr: str
    seconds: float
    is_hanging: bool = False
    survivors: tuple[int, ...] = ()
    """Processes of its session that were still there after it."""


@dataclass(frozen=True)
class CommandLine:
    """A command and what is around it."""

    arguments: Sequence[str]
    environment: Mapping[str, str | None]
    """Variables; None removes one."""
    wrapper: tuple[str, ...] = ()
    """Words before the command of a real process, such as ``unshare --pid --fork``."""
    is_real: bool = False
    moment: SignalMoment | None = None
    timeout: float = TIMEOUT_S
    import_path: str | None = None

    def __str__(self) -> str:
        return f"egoexobench {shlex.join(self.arguments)}"


def import_commands() -> None:
    """Import what commands import, so that a fork has it."""
    os.environ.update(SINGLE_THREAD)
    for name in LIBRARIES:
        importlib.import_module(name)
    for name in MODULES:
        importlib.import_module(f"egoexobench.cli.{name}")
    import torch

    from egoexobench import list_parts

    list_parts()
    torch.set_num_threads(1)


def run_command(command: CommandLine, folder: Path) -> CommandResult:
    """Run a command in a folder and wait for it; its output is in ``stdout.txt`` and so on."""
    running = start_command(command, folder)
    return finish_command(running, command, folder)


def start_command(command: CommandLine, folder: Path, name: str = "") -> tuple[int, float, str]:
    """Start a command: its process, the time, and the name of its output."""
    sys.stdout.flush()
    sys.stderr.flush()
    start = time.monotonic()
    process = os.fork()
    if process == 0:
        _run_in_fork(command, folder, name)
    return process, start, name


def finish_command(
    running: tuple[int, float, str], command: CommandLine, folder: Path
) -> CommandResult:
    """Wait for a command, send its signal in time, and end what it leaves behind."""
    process, start, name = running
    moment, is_hanging = command.moment, False
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            break
        seconds = time.monotonic() - start
        if moment and seconds >= moment.seconds:
            os.kill(process, moment.number)
            moment = None
        if seconds > command.timeout and not is_hanging:
            is_hanging = True
            _end_session(process)
        time.sleep(0.002 if moment else 0.01)
    seconds = time.monotonic() - start
    survivors = _wait_for_session(process)
    _end_session(process)
    return CommandResult(
        code=os.waitstatus_to_exitcode(status),
        stdout=_read_output(folder / f"stdout{name}.txt"),
        stderr=_read_output(folder / f"stderr{name}.txt"),
        seconds=seconds,
        is_hanging=is_hanging,
        survivors=survivors,
    )


def _read_output(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _run_in_fork(command: CommandLine, folder: Path, name: str) -> NoReturn:
    code = 70
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _redirect_output(folder, name)
        os.chdir(folder)
        for key, value in command.environment.items():
            os.environ.pop(key, None) if value is None else os.environ.__setitem__(key, value)
        for limit, value in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_AS, MEMORY_BYTES),
            (resource.RLIMIT_FSIZE, FILE_BYTES),
        ):
            resource.setrlimit(limit, (value, value))
        if command.is_real:
            line = [*command.wrapper, sys.executable, "-m", "egoexobench", *command.arguments]
            os.execvp(line[0], line)
        if command.import_path:
            sys.path.insert(0, command.import_path)
        code = _call_main(command.arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _call_main(arguments: Sequence[str]) -> int:
    from egoexobench.cli import main
    from egoexobench.verification import process

    sys.argv = ["egoexobench", *arguments]
    process.subprocess = _VerificationHere  # type: ignore[attr-defined]
    try:
        main(prog_name="egoexobench")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


class _VerificationHere:
    """Stands for `subprocess` where records are verified: the fork has imported it already."""

    @staticmethod
    def run(command: Sequence[str], *, input: str, **_: Any) -> Any:  # noqa: A002
        from egoexobench.verification.child import verify_standard_input

        output, stdin = io.StringIO(), sys.stdin
        try:
            sys.stdin = io.StringIO(input)
            with redirect_stdout(output):
                verify_standard_input()
        except Exception:
            return subprocess.CompletedProcess(command, 1, "", traceback.format_exc())
        finally:
            sys.stdin = stdin
        return subprocess.CompletedProcess(command, 0, output.getvalue(), "")


def _redirect_output(folder: Path, name: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(folder / f"stdout{name}.txt", flags), 1)
    os.dup2(os.open(folder / f"stderr{name}.txt", flags), 2)


def _list_session(leader: int) -> tuple[int, ...]:
    """Return the processes of a session that still run."""
    members = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, *fields = path.read_text().rpartition(")")[2].split()
            if int(fields[2]) == leader and state != "Z":
                members.append(int(path.parent.name))
    return tuple(members)


def _wait_for_session(leader: int) -> tuple[int, ...]:
    deadline = time.monotonic() + GRACE_S
    while (members := _list_session(leader)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return members


def _end_session(leader: int) -> None:
    for process in (leader, *_list_session(leader)):
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)
