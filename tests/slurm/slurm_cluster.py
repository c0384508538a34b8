"""A real Slurm with two nodes on this machine, for tests.

All daemons listen on 127.0.0.1 and have their files in one folder, with free ports, so that several
of them can run at once. `python tests/slurm/slurm_cluster.py FOLDER` starts one for a developer.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

START_LIMIT_S = 60
STOP_LIMIT_S = 20
REQUEUE_DELAY_S = 5
"""Seconds before a requeued job may start: the least that Slurm takes; its default is 120."""
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo")
_SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

_CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire={requeue_delay}
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={controller_port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdSpoolDir={folder}/spool-%n
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
KillWait=2
GresTypes=gpu
NodeName=DEFAULT CPUs=1 RealMemory=4000 Gres=gpu:1
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first_port}
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second_port}
PartitionName=normal Nodes=n1,n2 Default=YES MaxTime=60 PriorityTier=1
PartitionName=urgent Nodes=n1,n2 MaxTime=60 PriorityTier=2
"""
"""Jobs of the partition `urgent` take the nodes of jobs in `normal`, which are requeued."""


class SlurmUnavailableError(Exception):
    """Slurm cannot run on this machine; the message is one line."""


@contextmanager
def run_slurm(folder: Path) -> Iterator[Path]:
    """Start a Slurm in an empty folder, and stop it at the end; gives its file `slurm.conf`.

    Raises:
        SlurmUnavailableError: if it is not installed, or does not start.
    """
    missing = [name for name in PROGRAMS if shutil.which(name, path=_SEARCH_PATH) is None]
    if missing:
        raise SlurmUnavailableError(
            f"no {', '.join(missing)} on this machine: apt-get install slurm-wlm munge"
        )
    config = _write_config(folder)
    with ExitStack() as stack:
        stack.callback(_stop_daemons, folder)
        _start_daemons(folder, config)
        stack.callback(_cancel_jobs, config)
        yield config


def _write_config(folder: Path) -> Path:
    folder.chmod(0o755)  # munged refuses a folder that others can write to
    (folder / "state").mkdir()
    for node in ("n1", "n2"):
        (folder / f"spool-{node}").mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    controller, first, second = _choose_free_ports(3)
    (folder / "gres.conf").write_text("NodeName=n1,n2 Name=gpu File=/dev/null\n")
    config = folder / "slurm.conf"
    config.write_text(
        _CONFIG.format(
            user=getpass.getuser(),
            host=socket.gethostname().partition(".")[0],
            folder=folder,
            requeue_delay=REQUEUE_DELAY_S,
            controller_port=controller,
            first_port=first,
            second_port=second,
        )
    )
    return config


def _choose_free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]


def _start_daemons(folder: Path, config: Path) -> None:
    _run_program(
        "munged",
        "--force",
        f"--key-file={folder}/munge.key",
        f"--socket={folder}/munge.socket",
        f"--pid-file={folder}/munged.pid",
        f"--seed-file={folder}/munge.seed",
        f"--log-file={folder}/munged.log",
    )
    _run_program("slurmctld", "-c", "-f", str(config))
    for node in ("n1", "n2"):
        _run_program("slurmd", "-N", node, "-f", str(config))
    end = time.monotonic() + START_LIMIT_S
    while (states := _list_node_states(config)) != ["idle", "idle"]:
        if time.monotonic() > end:
            raise SlurmUnavailableError(
                f"its nodes are {states or 'unknown'} after {START_LIMIT_S} s: {_read_logs(folder)}"
            )
        time.sleep(0.1)


def _list_node_states(config: Path) -> list[str]:
    result = subprocess.run(
        ["sinfo", "-h", "-N", "-p", "normal", "-o", "%T"],
        env={**os.environ, "SLURM_CONF": str(config)},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.split()


def _run_program(*command: str) -> None:
    program = shutil.which(command[0], path=_SEARCH_PATH)
    assert program is not None
    result = subprocess.run(
        [program, *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=START_LIMIT_S,
    )
    if result.returncode:
        raise SlurmUnavailableError(f"{command[0]} does not start: {result.stderr.strip()}")


def _read_logs(folder: Path) -> str:
    lines = [path.read_text(errors="replace").splitlines()[-3:] for path in folder.glob("*.log")]
    return " | ".join(line for group in lines for line in group)


def _cancel_jobs(config: Path) -> None:
    """End all jobs, so that none of their processes outlives the daemons."""
    environment = {**os.environ, "SLURM_CONF": str(config)}
    scancel = ["scancel", "-u", getpass.getuser()]
    subprocess.run([*scancel, "--full", "--signal=KILL"], env=environment, check=False)
    subprocess.run(scancel, env=environment, check=False)
    end = time.monotonic() + STOP_LIMIT_S
    while time.monotonic() < end:
        jobs = subprocess.run(
            ["squeue", "-h"], env=environment, capture_output=True, text=True, check=False
        )
        if not jobs.stdout.strip():
            return
        time.sleep(0.1)


def _stop_daemons(folder: Path) -> None:
    numbers = [_read_pid(path) for path in folder.glob("*.pid")]
    pids = [number for number in numbers if number is not None]
    for pid in pids:
        _send_signal(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_LIMIT_S
    while pids and time.monotonic() < end:
        pids = [pid for pid in pids if _send_signal(pid, 0)]
        time.sleep(0.05)
    for pid in pids:
        _send_signal(pid, signal.SIGKILL)


def _read_pid(path: Path) -> int | None:
    text = path.read_text().strip()
    return int(text) if text.isdecimal() else None


def _send_signal(pid: int, number: int) -> bool:
    """Whether the process exists."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    target.mkdir(parents=True)
    try:
        with run_slurm(target) as file:
            sys.stdout.write(f"export SLURM_CONF={file}\nPress Ctrl-C to stop it.\n")
            sys.stdout.flush()
            signal.pause()
    except KeyboardInterrupt:
        pass
    except SlurmUnavailableError as error:
        sys.exit(f"Slurm cannot run here: {error}")
