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
from process_runner import find_free_port, run_processes
from safetensors.torch import load_file

from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.run import run_experiment
from egoexobench.process_group import ProcessGroup
from egoexobench.progress import NullProgress
from egoexobench.records.schema import Record
from egoexobench.records.store import find_records, read_record
from egoexobench.registry import Registry
from egoexobench.spec import Spec

COMMAND = Path(__file__).with_name("interrupted_command.py")
SETTINGS = {"epochs": "4", "embed_dim": "16", "batch_size": "4"}
OPTIONS = ["run", "--method", "soundbridge", "--task", "eg2ex"]
OPTIONS += [text for item in SETTINGS.items() for text in ("--set", "=".join(item))]
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


def run_uninterrupted(folder: Path, media: Path, *, size: int) -> FinishedCommand:
    """Run the command in processes that have imported everything already.

    Only the first one sees the folder of the records, as on machines that share the cache alone.
    """

    def run_there(_: ProcessGroup) -> None:
        own_folder = folder / f"machine-{os.environ['RANK']}"
        own_folder.mkdir()
        os.chdir(own_folder)
        os.environ["EGOEXOBENCH_CACHE"] = str(folder / "cache")
        config = RunConfig(
            Spec("soundbridge"),
            Spec("folder", {"path": str(media)}),
            tasks=("eg2ex",),
            overrides=SETTINGS,
            out=Path("out"),
        )
        result = run_experiment(config, RunContext(Registry(), NullProgress()))
        (folder / "scores").mkdir(exist_ok=True)
        (folder / "scores" / own_folder.name).write_text(str(result.record.scores))

    folder.mkdir()
    codes, _ = run_processes(run_there, folder, size=size, opens_group=False)
    assert len({path.read_text() for path in (folder / "scores").iterdir()}) == 1
    assert not (folder / "machine-1" / "out").exists()
    (folder / "machine-0" / "out").rename(folder / "out")
    return FinishedCommand(max(code or 0 for code in codes), "", folder)


def assert_equal_end(command: FinishedCommand, expected: FinishedCommand) -> None:
    assert (command.code, expected.code) == (0, 0), command.output
    line = f"goes on after step {KILL_STEP - 1} of 8, in epoch 3 of 4"
    assert (command.output.count(line), command.output.count("Record: ")) == (1, 1)
    assert command.record.scores == expected.record.scores
    assert command.record.epochs == expected.record.epochs
    weights = command.weights
    assert all(torch.equal(weights[name], value) for name, value in expected.weights.items())


@pytest.mark.slow
def test_a_process_that_is_killed_is_started_again_and_the_end_has_equal_bits(
    folder: Path, tmp_path: Path
) -> None:
    launcher = [*LAUNCHER, "--master-port", str(find_free_port())]
    kill = {"KILL": f"1 {KILL_STEP} {signal.SIGKILL.value}"}
    command = run_command(tmp_path / "killed", folder, launcher, kill)
    assert_equal_end(command, run_uninterrupted(tmp_path / "expected", folder, size=2))
    assert command.record.environment.num_processes == 2
    assert command.record.environment.num_hosts == 1


@pytest.mark.slow
def test_a_command_that_is_killed_and_repeated_has_equal_bits(folder: Path, tmp_path: Path) -> None:
    kill = {"KILL": f"0 {KILL_STEP} {signal.SIGKILL.value}"}
    assert run_command(tmp_path / "killed", folder, [], kill).code == -signal.SIGKILL
    command = run_command(tmp_path / "killed", folder, [], {})
    assert_equal_end(command, run_uninterrupted(tmp_path / "expected", folder, size=1))
    assert command.record.environment.num_processes is None


def test_variables_without_a_rendezvous_are_one_line(folder: Path, tmp_path: Path) -> None:
    result = run_command(tmp_path, folder, [], {"WORLD_SIZE": "2", "RANK": "0"})
    (line,) = result.output.splitlines()
    assert result.code == 2
    assert "WORLD_SIZE is 2, which needs MASTER_ADDR and MASTER_PORT too" in line
