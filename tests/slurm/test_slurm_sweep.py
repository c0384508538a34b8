"""`sweep --on slurm` on a real Slurm of two nodes."""

from pathlib import Path

import pytest
from command_line import CommandLine

from egoexobench.sweep.record_index import index_records

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

SWEEP = """
schema_version = 1
table = 3
title = "Two cells"
label = "Method"
seeds = [0]
[[groups]]
key = "own"
label = "Own"
dataset = "folder:path={folder}"
policy = "gallery"
columns = ["eg2ex"]
[[rows]]
key = "one"
label = "Sound"
method = "logmel-neighbor"
[[rows]]
key = "two"
label = "Trained"
method = "audio-only"
set = {{ epochs = "1" }}
"""


def test_two_cells_are_jobs_whose_records_make_the_table(
    slurm: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del slurm
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "two.toml").write_text(SWEEP.format(folder=folder))
    run = CommandLine(tmp_path, columns=200)
    command = ("sweep", "two.toml", "--on", "slurm:minutes=10,poll_seconds=0.5")
    result = run(*command)
    assert result.returncode == 0, result.stdout + result.stderr
    assert len([*tmp_path.glob("slurm-logs/*.exit")]) == 2
    assert len(index_records(tmp_path / "runs")) == 2
    again = run(*command)
    assert again.returncode == 0
    assert again.stdout == result.stdout
    assert len([*tmp_path.glob("slurm-logs/*.exit")]) == 2, "nothing is submitted"
