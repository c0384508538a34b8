"""The command under torchrun: processes that are killed, and options that differ."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from process_runner import find_free_port
from safetensors.torch import load_file

from egoexobench.records.schema import Record
from egoexobench.records.store import find_records, read_record

COMMAND = Path(__file__).with_name("interrupted_command.py")
OPTIONS = ["run", "--method", "soundbridge", "--task", "eg2ex"]
OPTIONS += ["--set", "epochs=4", "--set", "embed_dim=16", "--set", "batch_size=4"]
LAUNCHER = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "1"]
KILL_STEP = 6
"""In the third of four epochs, which have two steps each."""


@dataclass(frozen=True)
class FinishedCommand:
    """A command that ended, and what it stored."""

    code: int
    output: str
    folder: Path

    @property
    def record(self) -> Record:
        (path,) = find_records(self.folder / "out")
        return read_record(path)

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        (path,) = (self.folder / "cache" / "weights").glob("*.safetensors")
        return load_file(path)


def run_command(
    folder: Path, media: Path, launcher: list[str], variables: dict[str, str], *options: str
) -> FinishedCommand:
    command = [sys.executable, *launcher, str(COMMAND), *OPTIONS, *options]
    result = subprocess.run(
        [*command, "--dataset", f"folder:path={media}", "--out", str(folder / "out")],
        env={
            **os.environ,
            "EGOEXOBENCH_CACHE": str(folder / "cache"),
            "OMP_NUM_THREADS": "1",
            "SAVE": "1",
            **variables,
        },
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    return FinishedCommand(result.returncode, result.stdout, folder)


def launch(folder: Path, media: Path, **variables: str) -> FinishedCommand:
    launcher = [*LAUNCHER, "--master-port", str(find_free_port())]
    return run_command(folder, media, launcher, variables)


@pytest.mark.slow
def test_a_process_that_is_killed_is_started_again_and_the_end_has_equal_bits(
    folder: Path, tmp_path: Path
) -> None:
    expected = launch(tmp_path / "expected", folder)
    killed = launch(tmp_path / "killed", folder, KILL=f"1 {KILL_STEP} {signal.SIGKILL.value}")
    assert (expected.code, killed.code) == (0, 0), expected.output + killed.output
    line = f"goes on after step {KILL_STEP - 1} of 8, in epoch 3 of 4"
    assert (line in killed.output, line in expected.output) == (True, False)
    assert killed.output.count("Record: ") == 1
    assert killed.record.scores == expected.record.scores
    assert killed.record.epochs == expected.record.epochs
    assert killed.record.environment.num_processes == 2
    weights = killed.weights
    assert all(torch.equal(weights[name], value) for name, value in expected.weights.items())


@pytest.mark.slow
def test_a_command_that_is_killed_and_repeated_has_equal_bits(folder: Path, tmp_path: Path) -> None:
    kill = {"KILL": f"0 {KILL_STEP} {signal.SIGKILL.value}"}
    assert run_command(tmp_path / "killed", folder, [], kill).code == -signal.SIGKILL
    killed = run_command(tmp_path / "killed", folder, [], {})
    expected = run_command(tmp_path / "expected", folder, [], {})
    assert f"goes on after step {KILL_STEP - 1} of 8" in killed.output
    assert killed.record.epochs == expected.record.epochs
    weights = killed.weights
    assert all(torch.equal(weights[name], value) for name, value in expected.weights.items())


def test_variables_without_a_rendezvous_are_one_line(folder: Path, tmp_path: Path) -> None:
    result = run_command(tmp_path, folder, [], {"WORLD_SIZE": "2", "RANK": "0"})
    (line,) = result.output.splitlines()
    assert result.code == 2
    assert "WORLD_SIZE is 2, which needs MASTER_ADDR and MASTER_PORT too" in line
