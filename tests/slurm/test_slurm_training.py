"""Trainings on a real Slurm of two nodes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from process_runner import find_free_port
from test_launched_training import COMMAND, OPTIONS

from egoexobench.records.schema import Record
from egoexobench.records.store import find_records, read_record
from egoexobench.types import Job
from egoexobench_plugins import launchers

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
LIMIT_S = 300
SRUN = ["srun", "--nodes=2", "--ntasks=2", "--kill-on-bad-exit"]


def build_arguments(media: Path, folder: Path) -> list[str]:
    return [str(COMMAND), *OPTIONS, "--dataset", f"folder:path={media}", "--out", f"{folder}/out"]


def build_variables(folder: Path, **variables: str) -> dict[str, str]:
    return {"EGOEXOBENCH_CACHE": f"{folder}/cache", "OMP_NUM_THREADS": "1", "SAVE": "1"} | variables


def read_only_record(folder: Path) -> Record:
    (path,) = find_records(folder / "out")
    return read_record(path)


def test_a_training_whose_job_is_ended_or_killed_goes_on_in_the_next_one(
    slurm: Path, folder: Path, tmp_path: Path
) -> None:
    del slurm
    jobs = [
        Job(
            number.name,
            tuple(build_arguments(folder, tmp_path / number.name)),
            str(tmp_path),
            build_variables(tmp_path / number.name, KILL=f"0 6 {number.value}"),
        )
        for number in (signal.SIGTERM, signal.SIGKILL)
    ]
    launched = launchers.slurm(logs=tmp_path / "logs", minutes=10, poll_seconds=0.5).launch(jobs)
    end = time.monotonic() + LIMIT_S
    while not all(status.is_final for status in launched.poll()):
        assert time.monotonic() < end, launched.poll()
        time.sleep(0.2)
    assert [(status.state, status.num_attempts) for status in launched.poll()] == [("done", 2)] * 2
    for path in (tmp_path / "logs").glob("*.err"):
        assert "goes on after step" in path.read_text()
    terminated, killed = (read_only_record(tmp_path / job.name) for job in jobs)
    assert terminated.scores == killed.scores


@pytest.mark.parametrize("launcher", ["srun", "torchrun"])
def test_one_training_runs_on_two_nodes(
    slurm: Path, folder: Path, tmp_path: Path, launcher: str
) -> None:
    del slurm
    port = str(find_free_port())
    torchrun = ["-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    torchrun += ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}"]
    command = [*SRUN, sys.executable, *(torchrun if launcher == "torchrun" else [])]
    result = subprocess.run(
        [*command, *build_arguments(folder, tmp_path)],
        # the nodes of the tests have names that no network knows
        env={**os.environ, **build_variables(tmp_path)}
        | ({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port} if launcher == "srun" else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert result.returncode == 0, result.stdout
    assert read_only_record(tmp_path).environment.num_processes == 2
